// The names that code blocks of the documentation use and do not declare: what an application has, and what Nuxt imports
// automatically. Names without a type of their own are `any`.
import * as pinia from 'pinia'
import * as pathsync from 'pathsync'
import * as plugin from 'pathsync/pinia'
import type { ClientOptions } from 'pathsync'

declare global {
  const { defineStore }: typeof pinia
  const { createClient, stripSyncIds }: typeof pathsync
  const {
    createPathsync,
    useSyncedStore,
    useSyncStatus,
    usePresence,
    useFieldPresence,
    useOwnPresence,
    useSyncHooks
  }: typeof plugin
  const client: pathsync.Client
  const room: pathsync.Room
  const list: pathsync.Document<any>
  const board: pathsync.Document<any>
  const store: pinia.Store<string, any>
  const { onConflict, onRemoteChange, onLocalChange, onStateLoaded, onError }: plugin.SyncHooks
  const useProjectStore: () => pinia.Store<string, any>
  const url: string
  const id: string
  const key: string
  const session: { token: string; userId: string }
  const user: { name: string; color: string }
  const render: (state: unknown) => void
  const merge: (mine: unknown, theirs: unknown) => any
  const ask: (current: unknown) => Promise<boolean>
  const askUser: (question: string) => Promise<boolean>
  type User = pathsync.User
  interface Note {
    text: string
  }

  // Vue, Vite, Vitest
  const createApp: typeof import('vue')['createApp']
  const App: import('vue').Component
  const { defineConfig }: typeof import('vite')
  const { test, expect }: typeof import('vitest')

  // Nuxt, with the module and a package for sessions
  interface ModuleOptions extends Omit<ClientOptions, 'token' | 'user' | 'clientId' | 'fetch' | 'persist'> {
    persist?: boolean
    proxy?: string
  }
  const defineNuxtConfig: (config: { modules: string[]; pathsync: ModuleOptions }) => unknown
  const defineNuxtPlugin: (plugin: {
    enforce: 'pre'
    setup(nuxtApp: { hook(name: 'pathsync:options', listener: (options: ClientOptions) => void): void }): void
  }) => unknown
  const useRoute: () => { params: Record<string, string> }
  const useCookie: (name: string) => { value: string }
  const useSession: () => { value: { name: string } }
  const $fetch: (path: string) => Promise<any>
  const defineEventHandler: (handler: (event: unknown) => unknown) => unknown
  const getHeader: (event: unknown, name: string) => string | undefined
  const createError: (error: { statusCode: number }) => Error
  const requireUserSession: (event: unknown) => Promise<{ user: { id: string } }>
  const projectsOf: (user: unknown) => Promise<{ id: string; mayEdit: boolean }[]>
  const sessionOf: (token: string | undefined) => Promise<{ user: string; team: string } | undefined>
}
