import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 30_000, hookTimeout: 30_000 } },
      { test: { name: 'size', include: ['test/size/**/*.test.ts'] } },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: 'test/e2e/harness/build.ts',
          testTimeout: 120_000,
          expect: { poll: { timeout: 30_000, interval: 20 } },
          hookTimeout: 120_000,
          fileParallelism: false
        }
      },
      {
        test: {
          name: 'nuxt',
          include: ['test/nuxt/*.test.ts'],
          globalSetup: ['test/nuxt/package.ts', 'test/e2e/harness/build.ts'],
          testTimeout: 120_000,
          expect: { poll: { timeout: 30_000, interval: 20 } },
          hookTimeout: 180_000
        }
      }
    ]
  }
})
