import { useDidShow } from '@tarojs/taro'

import { auth } from './auth'

export default function App({ children }) {
  // Before the phone button is pressed: what it gives may be encrypted with the key of this code.
  useDidShow(() => { auth.prepare() })
  return children
}
