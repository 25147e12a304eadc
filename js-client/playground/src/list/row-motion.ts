import { onBeforeUpdate, onUpdated } from 'vue'
import type { Ref } from 'vue'
import { anchorShift, visibleRange } from './visible.ts'

const MOTION: KeyframeAnimationOptions = { duration: 220, easing: 'ease' }
const calm = matchMedia('(prefers-reduced-motion: reduce)')

/**
 * Animates rows of a list that change their places, and keeps the visible ones in place when rows above the window come and go.
 * Only visible rows are measured and animated, so the length of the list does not matter. Call it in the component whose update
 * changes the list.
 */
export function useRowMotion(list: Ref<HTMLElement | null>) {
  const running = new Map<Element, Animation>()
  /** The visible rows before the update, with their places in the window. */
  let before = new Map<Element, number>()

  function visible(element: HTMLElement): HTMLElement[] {
    const rows = element.children as HTMLCollectionOf<HTMLElement>
    const { top } = element.getBoundingClientRect()
    // Offsets do not contain the animations that are running.
    const edge = (index: number) => rows[index]!.offsetTop + rows[index]!.offsetHeight
    const { first, end } = visibleRange(rows.length, edge, -top, innerHeight - top)
    return Array.from({ length: end - first }, (_, n) => rows[first + n]!)
  }

  function animate(row: Element, keyframes: Keyframe[]) {
    const animation = row.animate(keyframes, MOTION)
    running.set(row, animation)
    animation.onfinish = () => running.delete(row)
  }

  onBeforeUpdate(() => {
    before = new Map(list.value ? visible(list.value).map((row) => [row, row.getBoundingClientRect().top]) : [])
  })

  onUpdated(() => {
    const element = list.value
    if (!element) return
    for (const animation of running.values()) animation.cancel()
    running.clear()
    const shiftOf = (row: Element) => row.getBoundingClientRect().top - (before.get(row) ?? 0)
    if (element.getBoundingClientRect().top < 0) {
      const shifts = [...before.keys()].filter((row) => row.isConnected).map(shiftOf)
      scrollBy({ top: anchorShift(shifts), behavior: 'instant' })
    }
    if (calm.matches) return
    const rows = visible(element).map((row) => ({ row, known: before.has(row), shift: shiftOf(row) }))
    for (const { row, known, shift } of rows) {
      if (!known) animate(row, [{ opacity: 0 }, {}])
      else if (shift) animate(row, [{ transform: `translateY(${-shift}px)` }, {}])
    }
  })
}
