import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { isOffline, onPage } from '../../../src/client/runtime/page.ts'

/** A window that lists its listeners. */
class ScriptedWindow extends EventTarget {
  listening: (readonly [type: string, listener: unknown])[] = []
  override addEventListener(type: string, ...rest: [never, never]) {
    this.listening.push([type, rest[0]])
    super.addEventListener(type, ...rest)
  }

  override removeEventListener(type: string, ...rest: [never, never]) {
    this.listening = this.listening.filter(([other, listener]) => other !== type || listener !== rest[0])
    super.removeEventListener(type, ...rest)
  }

  says(type: string, properties = {}) {
    this.dispatchEvent(Object.assign(new Event(type), properties))
  }
}

let page: ScriptedWindow
beforeEach(() => void vi.stubGlobal('window', (page = new ScriptedWindow())))
afterEach(() => void vi.unstubAllGlobals())

function turns(visibilityState: 'visible' | 'hidden') {
  vi.stubGlobal('document', { visibilityState })
  page.says('visibilitychange')
}

test('a page reports when it is online, hidden and visible', () => {
  const heard: string[] = []
  const leave = onPage((event) => heard.push(event))
  page.says('online')
  turns('hidden')
  turns('visible')
  leave()
  expect(heard).toEqual(['online', 'hidden', 'visible'])
})

test('a closing page is reported as hidden at each possible last event, and as closed at pagehide', () => {
  const heard: string[] = []
  const leave = onPage((event) => heard.push(event))
  turns('hidden')
  page.says('freeze')
  page.says('pagehide', { persisted: false })
  turns('hidden')
  leave()
  expect(heard).toEqual(['hidden', 'hidden', 'hidden', 'closed', 'hidden'])
})

test('a page restored from the cache or thawed is visible again; a new page reports no event', () => {
  const heard: string[] = []
  const leave = onPage((event) => heard.push(event))
  page.says('pageshow', { persisted: false })
  page.says('pageshow', { persisted: true })
  page.says('freeze')
  page.says('resume')
  page.says('pagehide', { persisted: true })
  leave()
  expect(heard).toEqual(['visible', 'hidden', 'visible', 'hidden'])
})

test('the page has one set of listeners while there are subscribers', () => {
  const first = vi.fn()
  const second = vi.fn()
  expect(page.listening.length).toBe(0)
  const leaveFirst = onPage(first)
  const leaveSecond = onPage(second)
  page.says('online')
  leaveFirst()
  leaveFirst()
  page.says('online')
  expect(page.listening.length).toBeGreaterThan(0)
  leaveSecond()
  expect(page.listening.length).toBe(0)
  page.says('online')
  expect([first.mock.calls.length, second.mock.calls.length]).toEqual([1, 2])
})

test('without a page there are no events, and the client counts as online', () => {
  vi.stubGlobal('window', undefined)
  vi.stubGlobal('navigator', undefined)
  expect(onPage(() => {})).toBeTypeOf('function')
  expect(isOffline()).toBe(false)
  vi.stubGlobal('navigator', {})
  expect(isOffline()).toBe(false)
  vi.stubGlobal('navigator', { onLine: false })
  expect(isOffline()).toBe(true)
})
