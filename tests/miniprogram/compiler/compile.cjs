// The compiler of WeChat's developer tools over a mini-program, and its npm builder over a package:
//
//     node compile.cjs sample <folder> <zip>
//     node compile.cjs package <folder with package.json and node_modules> <where to>
//
// What it would upload stays here, so a key of this moment will do, and what WeChat's server would
// say of the app is said below.
const { generateKeyPairSync } = require('node:crypto')
const ci = require('miniprogram-ci')

const MEGABYTES = {
  MaxCodeSize: 2, MaxSubpackageSubCodeSize: 2, MaxSubpackageFullCodeSize: 30,
}
const NUMBERS = {
  NavigateMiniprogramLimit: 10, MaxSubPackageLimit: 100, MinTabbarCount: 2, MaxTabbarCount: 5, MaxCustomTabbarCount: 5, MaxTabbarIconSize: 40,
}

async function sample(folder, zip) {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048, privateKeyEncoding: { type: 'pkcs1', format: 'pem' }, publicKeyEncoding: { type: 'pkcs1', format: 'pem' },
  })
  const appid = 'wx5a4db0c0ffee0001'
  const project = new ci.Project({ appid, type: 'miniProgram', projectPath: folder, privateKey })
  project.attr = async () => ({
    appid, appName: 'wxauth', appImageUrl: '', isSandbox: false, released: false, gameApp: false, setting: { ...MEGABYTES, ...NUMBERS },
  })
  const setting = { es6: true, es7: true, minify: true }
  await ci.getCompiledResult({ project, version: '1.0.0', desc: '', setting, onProgressUpdate() {} }, zip)
}

async function pack(folder, target) {
  const done = await ci.packNpmManually({ packageJsonPath: `${folder}/package.json`, miniprogramNpmDistDir: target })
  if (done.miniProgramPackNum !== 1 || done.warnList.length) throw new Error(JSON.stringify(done))
}

const [what, from, to] = process.argv.slice(2)
const work = { sample, package: pack }[what]
// Its helper processes would stay.
work(from, to).then(() => process.exit(0), (error) => { console.error(error); process.exit(1) })
