import { createPathsync } from 'pathsync/pinia'
import { ownName } from './own-name.ts'
import { token } from './token.ts'

const query = new URLSearchParams(location.search)

/**
 * The Pinia plugin, for the server of the page. `?transport=eventsource` reads streams with the browser's EventSource;
 * `?persist=1` keeps documents and unsent changes after the window is closed.
 */
export const pathsync = createPathsync({
  displayName: ownName.value,
  token: () => token.value || undefined,
  transport: query.get('transport') === 'eventsource' ? 'eventsource' : 'fetch',
  persist: query.has('persist') && query.get('persist') !== '0'
})
