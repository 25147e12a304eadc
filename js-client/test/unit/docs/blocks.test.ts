// The code blocks of the documentation in TypeScript and Vue are type-checked against the client.
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const root = path('../../../..')
/** Below the packages, so that imports are found. */
const folder = path('../../../node_modules/.pathsync-blocks')
const pages = ['README.md', 'js-client/README.md', ...pagesBelow('docs')]

function pagesBelow(name: string): string[] {
  const files = readdirSync(join(root, name), { recursive: true, encoding: 'utf8' })
  return files.filter((file) => file.endsWith('.md')).map((file) => `${name}/${file}`)
}

/** Writes each block into a file, in which it has the line numbers of its page. `…` stands for any value. */
function write(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8')
  return [...text.matchAll(/^```(ts|tsx|vue)\n(.*?)^```/gms)].map(({ 1: language, 2: code = '', index }) => {
    const line = text.slice(0, index).split('\n').length // of the fence
    const name = `${page.replaceAll('/', '+')}:${line}.${language}`
    const complete = code.replaceAll('…', '(undefined as any)').replace('<script setup>', '<script setup lang="ts">')
    writeFileSync(join(folder, name), '\n'.repeat(line - 1) + (language === 'vue' ? `\n${complete}` : `export {}\n${complete}`))
    return name
  })
}

test('code blocks in TypeScript and Vue fit the client', async () => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const files = pages.flatMap(write)
  expect(files.length).toBeGreaterThan(25)
  const compilerOptions = {
    module: 'ESNext',
    moduleResolution: 'Bundler',
    jsx: 'preserve',
    paths: { pathsync: [path('../../../src/index.ts')], 'pathsync/pinia': [path('../../../src/pinia/index.ts')] },
    noUnusedLocals: false,
    noUnusedParameters: false,
    verbatimModuleSyntax: false,
    types: ['vite/client', 'node']
  }
  const config = {
    extends: path('../../../tsconfig.json'),
    compilerOptions,
    include: [],
    files: [...files, path('names.d.ts'), path('modules.d.ts')]
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const program = path('../../../node_modules/.bin/vue-tsc')
  const { stdout } = await promisify(execFile)(program, ['--pretty', 'false', '-p', folder]).catch((error) => error)
  expect(stdout.replaceAll('+', '/')).toBe('')
}, 120_000)
