import { defineStore } from 'pinia'
import { emptyProject, exampleTasks, items, newSubtask, newTask, themeOf, zoomOf } from '../project.ts'
import type { Settings, Subtask, Task } from '../project.ts'
import { room } from '../room.ts'

/** The project of the room: a Pinia store, shared by the option `sync` at the end. */
export const useProjectStore = defineStore('project', {
  state: () => ({
    project: emptyProject()
  }),

  getters: {
    tasks: ({ project }): Task[] => items(project.tasks),
    zoom: ({ project }) => zoomOf(project.settings),
    theme: ({ project }) => themeOf(project.settings)
  },

  actions: {
    /** Adds a task after another one, or at the end. */
    addTask(after?: Task, title = '') {
      insertAfter(listOf(this.project, 'tasks'), newTask(title), after)
    },
    addExamples() {
      listOf(this.project, 'tasks').push(...exampleTasks())
    },
    removeTask(task: Task) {
      remove(listOf(this.project, 'tasks'), task)
    },
    /** Moves a task to the position of `place`. */
    moveTask(task: Task, place: Task) {
      const list = listOf(this.project, 'tasks')
      const to = list.indexOf(place)
      if (to !== -1 && remove(list, task)) list.splice(to, 0, task)
    },
    addSubtask(task: Task, after?: Subtask) {
      insertAfter(listOf(task, 'subtasks'), newSubtask(), after)
    },
    removeSubtask(task: Task, subtask: Subtask) {
      remove(listOf(task, 'subtasks'), subtask)
    },
    change(settings: Partial<Settings>) {
      Object.assign((this.project.settings ??= emptyProject().settings), settings)
    }
  },

  sync: {
    room: () => room.value,
    include: ['project']
  }
})

/** The list of an object. Another value in its place is replaced by an empty list. */
function listOf<K extends string, T>(owner: Record<K, T[]>, name: K): T[] {
  if (!Array.isArray(owner[name])) owner[name] = []
  return owner[name]
}

function insertAfter<T>(list: T[], item: T, after: T | undefined) {
  const index = after === undefined ? -1 : list.indexOf(after)
  list.splice(index === -1 ? list.length : index + 1, 0, item)
}

function remove<T>(list: T[], item: T): boolean {
  const index = list.indexOf(item)
  if (index !== -1) list.splice(index, 1)
  return index !== -1
}
