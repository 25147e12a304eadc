// The document that the tests share, and the edits that people make to it.
import type { Document } from '../../../src/index.ts'
import type { Random } from './random.ts'

export interface Project {
  title: string
  settings: Record<string, number | null>
  tags: string[]
  tasks: Task[]
  /** Marks are never changed or removed: at the end, every mark must be here once. */
  marks: Item[]
}
export interface Task extends Item {
  title: string
  done: boolean
  subtasks: (Item & { title: string })[]
}
export interface Item {
  _sync_id: string
}

export const emptyProject: Project = { title: '', settings: {}, tags: [], tasks: [], marks: [] }

/** Makes one random edit, or none if the document is empty. `name` is the unique name of a new item. */
export function edit(document: Document<Project>, random: Random, name: string): void {
  const project = document.state
  if (!project) return
  document.replace(random.pick(edits)(project, random, name))
}

export function addMark(document: Document<Project>, id: string): void {
  const project = document.state ?? emptyProject
  document.replace({ ...project, marks: [...project.marks, { _sync_id: id }] })
}

type Edit = (project: Project, random: Random, name: string) => Project

const edits: Edit[] = [
  (project, _, name) => ({ ...project, title: name }),
  (project, random) => ({ ...project, settings: { ...project.settings, [random.pick('abc'.split(''))]: random.below(100) } }),
  (project, random) => {
    const { [random.pick(['a', 'b', 'c'])]: _, ...settings } = project.settings
    return { ...project, settings }
  },
  (project, random, name) => ({ ...project, tags: insert(project.tags.slice(-3), random, name) }),
  (project, random, name) => ({ ...project, tasks: insert(project.tasks, random, newTask(name)) }),
  (project, random, name) => ({ ...project, tasks: insert(project.tasks, random, newTask(name)) }),
  (project, random) => (project.tasks.length > 5 ? { ...project, tasks: remove(project.tasks, random) } : project),
  (project, random) => ({ ...project, tasks: move(project.tasks, random) }),
  (project, random) => ({ ...project, tasks: [...project.tasks].sort(() => random() - 0.5) }),
  (project, random, name) => inTask(project, random, (task) => ({ ...task, title: name })),
  (project, random) => inTask(project, random, (task) => ({ ...task, done: !task.done })),
  (project, random, name) =>
    inTask(project, random, (task) => ({ ...task, subtasks: insert(task.subtasks, random, { _sync_id: name, title: '' }) })),
  (project, random) => inTask(project, random, (task) => ({ ...task, subtasks: remove(task.subtasks, random) })),
  (project, random) => inTask(project, random, (task) => ({ ...task, subtasks: move(task.subtasks, random) })),
  // The same subtask moves to another task: one array loses it, the other one gains it.
  (project, random) => {
    const subtask = project.tasks.find((task) => task.subtasks.length)?.subtasks[0]
    if (!subtask) return project
    const tasks = project.tasks.map((task) => ({ ...task, subtasks: task.subtasks.filter((each) => each !== subtask) }))
    return inTask({ ...project, tasks }, random, (task) => ({ ...task, subtasks: [...task.subtasks, subtask] }))
  }
]

const newTask = (name: string): Task => ({ _sync_id: name, title: name, done: false, subtasks: [] })

function insert<T>(list: readonly T[], random: Random, value: T): T[] {
  return list.toSpliced(random.below(list.length + 1), 0, value)
}

function remove<T>(list: readonly T[], random: Random): T[] {
  return list.toSpliced(random.below(list.length), 1)
}

function move<T>(list: readonly T[], random: Random): T[] {
  const from = random.below(list.length)
  const moved = list[from]
  return moved === undefined ? [...list] : list.toSpliced(from, 1).toSpliced(random.below(list.length), 0, moved)
}

function inTask(project: Project, random: Random, change: (task: Task) => Task): Project {
  const chosen = random.below(project.tasks.length)
  return { ...project, tasks: project.tasks.map((task, index) => (index === chosen ? change(task) : task)) }
}
