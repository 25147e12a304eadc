// What the documentation imports and this package does not have, as far as the documentation uses it.
declare module 'jose' {
  export class SignJWT {
    constructor(payload: object)
    setProtectedHeader(header: { alg: string }): this
    setSubject(subject: string): this
    setExpirationTime(time: string): this
    sign(key: Uint8Array): Promise<string>
  }
}

declare module 'react' {
  export function useCallback<F>(callback: F, dependencies: unknown[]): F
  export function useSyncExternalStore<T>(subscribe: (changed: () => void) => () => void, get: () => T): T
}

declare module '*/tasks.js' {
  export const useTasks: () => any
}
