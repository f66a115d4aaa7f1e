import uni from '@dcloudio/vite-plugin-uni'

export default { plugins: [(uni.default || uni)()] }
