import { createPathsync } from 'pathsync/pinia'
import { ownName } from './own-name.ts'
import { token } from './token.ts'

const query = new URLSearchParams(location.search)

/**
 * The Pinia plugin. The server is the one that the page comes from. `?transport=eventsource` reads streams with the
 * browser's EventSource; `?persist=1` keeps unsent changes when the window is closed.
 */
export const pathsync = createPathsync({
  displayName: ownName.value,
  token: () => token.value || undefined,
  transport: query.get('transport') === 'eventsource' ? 'eventsource' : 'fetch',
  persist: query.has('persist') && query.get('persist') !== '0'
})
