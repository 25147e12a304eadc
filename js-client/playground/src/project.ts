// The shape of the room's document, `project`. Any client can write to a room, so a document may have another shape: the page reads
// it through the functions below, which skip invalid values.

export interface Project {
  title: string
  description: string
  settings: Settings
  tasks: Task[]
}
export interface Settings {
  zoom: number
  theme: Theme
}
export type Theme = 'auto' | 'light' | 'dark'
export interface Task extends Subtask {
  subtasks: Subtask[]
}
export interface Subtask {
  /** Set by pathsync after the item was added. */
  _sync_id?: string
  title: string
  done: boolean
}

export const ZOOM = { min: 0.8, max: 1.4, step: 0.05 }
export const THEMES: readonly Theme[] = ['auto', 'light', 'dark']

export function emptyProject(): Project {
  return { title: '', description: '', settings: { zoom: 1, theme: 'auto' }, tasks: [] }
}

export function newSubtask(title = ''): Subtask {
  return { title, done: false }
}

export function newTask(title = '', subtasks: string[] = []): Task {
  return { ...newSubtask(title), subtasks: subtasks.map((subtask) => newSubtask(subtask)) }
}

export function exampleTasks(): Task[] {
  return [
    newTask('Open this page in a second window', ['Put both side by side', 'Type in one and watch the other']),
    newTask('Drag a task to another place'),
    newTask('Go offline, make changes, go online')
  ]
}

/** The objects of an array; empty if the value is not an array. */
export function items<T extends object>(value: readonly T[] | undefined): T[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'object' && item !== null) : []
}

/** A value as text. Objects are none: they may even refuse to be made one. */
export const textOf = (value: unknown): string => (typeof value === 'object' || value === undefined ? '' : String(value))

export function zoomOf(settings: Partial<Settings> | undefined): number {
  const zoom = Number(settings?.zoom ?? 1)
  return Number.isFinite(zoom) ? Math.min(ZOOM.max, Math.max(ZOOM.min, zoom)) : 1
}

export function themeOf(settings: Partial<Settings> | undefined): Theme {
  return THEMES.find((theme) => theme === settings?.theme) ?? 'auto'
}
