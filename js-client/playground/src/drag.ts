import { onScopeDispose, shallowRef } from 'vue'
import type { Ref } from 'vue'
import { dropIndex, shiftOf } from './reorder.ts'
import type { Span } from './reorder.ts'

const EDGE = 80 // in pixels: dragging this close to the window's top or bottom scrolls

interface Drag {
  rows: readonly Span[]
  from: number
  to: number
  offset: number
}

/**
 * Reorders the children of `list` by mouse, pen or touch. A drag changes styles only; `drop` is called once at its end. Call
 * `begin` on the handle's `pointerdown`.
 */
export function useDrag(list: Ref<HTMLElement | null>, drop: (from: number, to: number) => void) {
  const drag = shallowRef<Drag | null>(null)
  let stop = () => {}

  function begin(event: PointerEvent, from: number) {
    if (event.button !== 0 || !list.value) return
    stop()
    const rows = [...list.value.children].map((row) => {
      const { top, height } = row.getBoundingClientRect()
      return { top: top + scrollY, height }
    })
    if (event.currentTarget instanceof Element) event.currentTarget.setPointerCapture(event.pointerId)
    const start = event.pageY
    const listening = new AbortController()
    let { clientY } = event
    let frame = 0

    const follow = () => {
      const offset = clientY + scrollY - start
      if (offset !== drag.value?.offset) drag.value = { rows, from, to: dropIndex(rows, from, offset), offset }
    }
    const scroll = () => {
      const beyond = Math.min(0, clientY - EDGE) + Math.max(0, clientY - innerHeight + EDGE)
      if (beyond) {
        scrollBy({ top: beyond / 8, behavior: 'instant' })
        follow()
      }
      frame = requestAnimationFrame(scroll)
    }
    const finish = (dropped: boolean) => {
      const to = drag.value?.to ?? from
      stop()
      if (dropped && to !== from) drop(from, to)
    }
    const on = <E extends Event>(type: string, listener: (event: E) => void) =>
      addEventListener(type, listener as (event: Event) => void, { signal: listening.signal })

    stop = () => {
      cancelAnimationFrame(frame)
      listening.abort()
      drag.value = null
    }
    on<PointerEvent>('pointermove', (move) => {
      if (move.pointerId !== event.pointerId) return
      clientY = move.clientY
      follow()
    })
    on<PointerEvent>('pointerup', (up) => up.pointerId === event.pointerId && finish(true))
    on<PointerEvent>('pointercancel', (cancel) => cancel.pointerId === event.pointerId && finish(false))
    on<KeyboardEvent>('keydown', (key) => key.key === 'Escape' && finish(false))
    frame = requestAnimationFrame(scroll)
    follow()
  }

  /** The current displacement of the row at `index`. */
  function styleOf(index: number) {
    if (!drag.value) return undefined
    const { rows, from, to, offset } = drag.value
    const shift = index === from ? offset : shiftOf(rows, from, to, index)
    return shift ? { transform: `translateY(${shift}px)` } : undefined
  }

  onScopeDispose(() => stop())
  return { drag, begin, styleOf }
}
