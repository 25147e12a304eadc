// The size of each part of the package in an application.
import { build } from 'esbuild'
import { basename, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

export interface Chunk {
  name: string
  /** Minified and gzipped. */
  bytes: number
  /** Loaded on demand, by some applications. */
  onDemand: boolean
}

/**
 * The chunks of a module, bundled as by an application's build: minified, gzipped, without unused code,
 * Vue and Pinia. The first is the module itself.
 */
export async function bundle(code: string): Promise<Chunk[]> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: fileURLToPath(new URL('../../src', import.meta.url)), loader: 'ts' },
    bundle: true,
    minify: true,
    splitting: true,
    metafile: true,
    write: false,
    outdir: 'out',
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    external: ['vue', 'pinia']
  })

  const atOnce = new Set<string>()
  function load(path: string) {
    if (atOnce.has(path)) return
    atOnce.add(path)
    for (const { path: next, kind, external } of metafile.outputs[path]?.imports ?? []) {
      if (kind === 'import-statement' && !external) load(next)
    }
  }
  load('out/stdin.js')
  const paths = new Set([...atOnce].map((path) => resolve(path)))
  return outputFiles
    .map(({ path, contents }) => ({
      name: basename(path),
      bytes: gzipSync(contents, { level: 9 }).length,
      onDemand: !paths.has(path)
    }))
    .sort((a, b) => Number(a.onDemand) - Number(b.onDemand) || b.bytes - a.bytes)
}

/** The chunks that are always loaded. */
export const sizeOf = (chunks: readonly Chunk[]): number =>
  chunks.reduce((bytes, chunk) => (chunk.onDemand ? bytes : bytes + chunk.bytes), 0)
