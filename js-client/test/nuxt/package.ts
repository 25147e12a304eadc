// Builds the package once, for the applications that use it.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export default function build(): void {
  const root = fileURLToPath(new URL('../../', import.meta.url))
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' })
}
