/** Listeners by event. An error of a listener is reported as uncaught, and the other listeners are called. */
export function createEmitter<Events>() {
  const listeners = new Map<keyof Events, Set<(payload: never) => unknown>>()
  return {
    on<E extends keyof Events>(event: E, listener: (payload: Events[E]) => unknown): () => void {
      // Wrapped, so that the same function can be registered twice.
      const own = (payload: Events[E]) => listener(payload)
      const all = listeners.get(event) ?? new Set()
      listeners.set(event, all.add(own))
      return () => void all.delete(own)
    },
    /** Whether an event has listeners. */
    has: (event: keyof Events) => !!listeners.get(event)?.size,
    /** Calls the listeners in the order of their registration, and returns their results. */
    emit<E extends keyof Events>(event: E, payload: Events[E]): unknown[] {
      const all = [...(listeners.get(event) ?? [])] as ((payload: Events[E]) => unknown)[]
      return all.map((listener) => attempt(() => listener(payload)))
    }
  }
}

/** Calls a function of the application. An error is reported as uncaught, and undefined is returned. */
export function attempt<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch (error) {
    report(error)
  }
}

/** Reports an error of the application as an uncaught one. */
export function report(error: unknown) {
  ;(globalThis.reportError ?? console.error)(error)
}
