// The code in the documentation is TypeScript, JavaScript and Vue without syntax errors, and imports what the package exports.
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { compileScript, parse } from 'vue/compiler-sfc'
import * as client from '../../../src/index.ts'
import * as pinia from '../../../src/pinia/index.ts'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const pages = readdirSync(`${root}docs`, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`)

interface Block {
  page: string
  language: string
  text: string
}

const blocks: Block[] = [...pages, 'js-client/README.md'].flatMap((page) => {
  const text = readFileSync(root + page, 'utf8')
  return [...text.matchAll(/^ *```(\w+)\n([\s\S]*?)^ *```$/gm)].map(([, language = '', code = '']) => ({
    page,
    language,
    text: code
  }))
})

const of = (...languages: string[]) => blocks.filter(({ language }) => languages.includes(language))

/** An ellipsis stands for code that the reader writes. A line such as `sync: {…}` is a part of an object. */
function complete({ text }: Block): string {
  const code = text.replaceAll('…', '0')
  return /^\w+: /.test(code) ? `({${code}})` : code
}

test('has no syntax errors in scripts', () => {
  const scripts = of('ts', 'js', 'tsx')
  expect(scripts.length).toBeGreaterThan(20)
  const errors = scripts.flatMap((block) => {
    const fileName = block.language === 'tsx' ? 'block.tsx' : 'block.ts'
    const { diagnostics = [] } = ts.transpileModule(complete(block), { fileName, reportDiagnostics: true })
    return diagnostics.map(({ messageText }) => `${block.page}: ${messageText}\n${block.text}`)
  })
  expect(errors).toEqual([])
})

test('has no syntax errors in Vue components', () => {
  const components = of('vue')
  expect(components.length).toBeGreaterThan(3)
  const errors = components.flatMap((block) => {
    const { descriptor, errors } = parse(block.text.includes('<template>') ? block.text : `<template>${block.text}</template>`)
    if (descriptor.scriptSetup) compileScript(descriptor, { id: 'block' })
    return errors.map((error) => `${block.page}: ${error.message}\n${block.text}`)
  })
  expect(errors).toEqual([])
})

test('imports only what the package exports', () => {
  const exported: Record<string, string[]> = { pathsync: Object.keys(client), 'pathsync/pinia': Object.keys(pinia) }
  const imports = of('ts', 'js', 'tsx', 'vue').flatMap(({ page, text }) =>
    [...text.matchAll(/import \{([^}]*)\} from '(pathsync[^']*)'/g)].flatMap(([, names = '', from = '']) =>
      names.split(',').map((name) => ({ page, name: name.trim(), from }))
    )
  )
  expect(imports.length).toBeGreaterThan(5)
  expect(imports.filter(({ name, from }) => !exported[from]?.includes(name))).toEqual([])
})
