// The types of Nuxt that `runtime` uses. The application's own Nuxt, 3 or 4, builds `runtime`, so Nuxt is not installed here.

declare module '#app' {
  import type { Pinia } from 'pinia'
  import type { ClientOptions } from '../types.ts'

  export interface NuxtApp {
    readonly $pinia: Pinia
    readonly $config: { readonly public: { readonly pathsync: ClientOptions } }
    /** The page was rendered by a server and is not hydrated yet. */
    readonly isHydrating?: boolean
    readonly hooks: {
      callHook(name: 'pathsync:options', options: ClientOptions): Promise<void>
      hookOnce(name: 'app:suspense:resolve', listener: () => void): void
    }
    runWithContext<T>(run: () => T): T | Promise<T>
  }

  export interface Plugin<Injections extends Record<string, unknown>> {
    (nuxtApp: NuxtApp): Promise<{ provide: Injections }>
  }

  export function defineNuxtPlugin<Injections extends Record<string, unknown>>(plugin: {
    name: string
    dependsOn: string[]
    setup: Plugin<Injections>
  }): Plugin<Injections>
}

declare module '#imports' {
  /** Node's `ServerResponse`. */
  export interface NodeResponse {
    write(chunk: Uint8Array, written: () => void): void
    end(): void
    destroy(): void
    once(name: 'close', listener: () => void): void
  }

  interface NodeRequest {
    readonly headers: Readonly<Record<string, string | string[] | undefined>>
  }

  interface Event {
    /** The path and query of the request, below the application's base. */
    readonly path: string
    readonly node: { readonly req: NodeRequest; readonly res: NodeResponse }
  }

  export function useRuntimeConfig(event: Event): { readonly pathsync: { readonly proxy: string } }
  export function createError(error: { statusCode: number }): Error
  export function defineEventHandler(handler: (event: Event) => Promise<void>): unknown
  export function proxyRequest(
    event: Event,
    target: string,
    options: {
      fetchOptions: RequestInit
      /** Added to those of the request. */
      headers: Record<string, string>
      /** If it ends the response, nothing more is sent. */
      onResponse: (event: Event, response: Response) => Promise<void> | undefined
    }
  ): Promise<void>
}
