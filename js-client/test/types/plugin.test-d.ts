// What the compiler knows of the plugin and the composables.
import { createPinia, defineStore } from 'pinia'
import { type ComputedRef, type Ref, ref } from 'vue'
import {
  type Client,
  type SyncStatus,
  type User,
  createPathsync,
  stripSyncIds,
  useFieldPresence,
  useOwnPresence,
  usePresence,
  useSyncHooks,
  useSyncStatus,
  useSyncedStore
} from '../../src/pinia/index.ts'

const plugin = createPathsync({ url: 'https://sync.example.com', token: async () => 'secret' })
const client: Client = plugin.client
createPinia().use(plugin).use(createPathsync({ client })).use(createPathsync())
// @ts-expect-error there is no such option
createPathsync({ uri: 'https://sync.example.com' })

const { synced, onSyncReady } = useSyncedStore({ room: 'r', debounceMs: 50 })
const tasks: Ref<{ title: string }[]> = synced('tasks', [] as { title: string }[])
const count: Ref<number> = synced('count', 0)
const ready: Promise<void> = onSyncReady
// @ts-expect-error a number it is
count.value = 'one'

const presence = usePresence(() => 'r', { client })
const users: Ref<User[]> = presence.users
const present: ComputedRef<number> = presence.count

const { editors, editingMessage, focus, blur } = useFieldPresence('r', () => 'title')
const others: Ref<User[]> = editors
const message: Ref<string | null> = editingMessage

useOwnPresence('r', { displayName: 'Ada', field: null, meta: { x: 1 } })
useOwnPresence(
  () => null,
  () => ({ meta: tasks.value.length }),
  { client }
)
useOwnPresence('r', ref({ displayName: 'Ada' }))
// @ts-expect-error there is no such member
useOwnPresence('r', { name: 'Ada' })

const store = defineStore('s', { state: () => ({ n: 0 }) })()
const status: Ref<SyncStatus> = useSyncStatus(store)
const lastSyncedAt: Date | null = status.value.lastSyncedAt
const connection: 'connecting' | 'online' | 'polling' | 'offline' = status.value.status
const [code, readOnly]: [string | null, boolean] = [status.value.code, status.value.readOnly]
const hooks = useSyncHooks(store)
const off: () => void = hooks.onRemoteChange(({ key, ops }) => `${key} ${ops[0]?.path}`)
hooks.onConflict(({ reason, op, current }) => void [reason, op.path, current])
hooks.onConflict(() => 'mine')
hooks.onConflict(({ reason }) => (reason === 'changed' ? 'theirs' : undefined))
hooks.onConflict(({ current }) => ({ value: current }))
hooks.onConflict(() => ({ value: tasks.value }))
hooks.onConflict(async ({ op }) => (op.op === 'set' ? 'mine' : undefined))
hooks.onConflict(async () => {})
// @ts-expect-error there is no such resolution
hooks.onConflict(() => 'ours')
// @ts-expect-error a value has to say that it is one
hooks.onConflict(() => 5)
client.room('r').on('conflict', async () => ({ value: 1 }))
client.room('r').on('error', ({ code }) => void code)
// @ts-expect-error no such hook
void hooks.onSomething

const plain: { title: string }[] = stripSyncIds(tasks.value)
void [ready, users, present, others, message, lastSyncedAt, connection, code, readOnly, off, plain, focus, blur]
