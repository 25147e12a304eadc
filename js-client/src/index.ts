export { createClient } from './client/client.ts'
export { stripSyncIds } from './document/ids.ts'
export type * from './types.ts'
