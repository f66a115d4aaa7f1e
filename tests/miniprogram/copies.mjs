// The client has one source, miniprogram/wxauth.js. This writes its other forms, and with
// --check only says whether they are up to date.
import fs from 'node:fs'
import { fileURLToPath } from 'node:url'

import ts from 'typescript'

const root = new URL('../../', import.meta.url)
const source = fs.readFileSync(new URL('miniprogram/wxauth.js', root), 'utf8')

const END = '\nmodule.exports = { create }\n'
if (!source.endsWith(END)) throw new Error('wxauth.js does not end as expected')

const es5 = ts.transpileModule(source, {
  compilerOptions: { target: ts.ScriptTarget.ES5, removeComments: true, ignoreDeprecations: '5.0' },
}).outputText

const copies = {
  // Bundlers that read ES modules only (uni-app and Taro with Vite).
  'miniprogram/wxauth.mjs': source.slice(0, -END.length) + '\nexport { create }\n',
  // What WeChat's npm builder takes out of the package: it is packed as it is, so it is ES5.
  'miniprogram/npm/index.js': `// Generated from wxauth.js.\n${es5}`,
  // The wheel cannot reach out of its package.
  'wxauth/testing/static/phone/wxauth.js': source,
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of Object.entries(copies)) {
    const file = new URL(path, root)
    if (process.argv.includes('--check')) {
      if (!fs.existsSync(file) || fs.readFileSync(file, 'utf8') !== text) {
        console.error(`${path} is stale: node tests/miniprogram/copies.mjs`)
        process.exitCode = 1
      }
    } else {
      fs.mkdirSync(new URL('.', file), { recursive: true })
      fs.writeFileSync(file, text)
    }
  }
}
