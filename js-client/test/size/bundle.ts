// How large a part of the package is for those who load it.
import { build } from 'esbuild'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

/**
 * Bytes of a module that is bundled as an application's build would do it: minified, gzipped, without what is not used,
 * without Vue and Pinia. What is only loaded on demand is not counted.
 */
export async function sizeOf(code: string): Promise<number> {
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

  const loaded = new Set<string>()
  function load(path: string) {
    if (loaded.has(path)) return
    loaded.add(path)
    for (const { path: next, kind, external } of metafile.outputs[path]?.imports ?? []) {
      if (kind === 'import-statement' && !external) load(next)
    }
  }
  load('out/stdin.js')
  return outputFiles
    .filter(({ path }) => [...loaded].some(name => path.endsWith(name)))
    .reduce((bytes, { contents }) => bytes + gzipSync(contents, { level: 9 }).length, 0)
}
