import { defineStore } from 'pinia'
import { emptyProject, exampleTasks, items, newSubtask, newTask, themeOf, zoomOf } from '../project.ts'
import type { Project, Settings, Subtask, Task } from '../project.ts'
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
      insertAfter(taskList(this.project), newTask(title), after)
    },
    addExamples() {
      taskList(this.project).push(...exampleTasks())
    },
    removeTask(task: Task) {
      remove(taskList(this.project), task)
    },
    /** Moves a task to the position of `place`. */
    moveTask(task: Task, place: Task) {
      const list = taskList(this.project)
      const to = list.indexOf(place)
      if (to !== -1 && remove(list, task)) list.splice(to, 0, task)
    },
    addSubtask(task: Task, after?: Subtask) {
      if (!Array.isArray(task.subtasks)) task.subtasks = []
      insertAfter(task.subtasks, newSubtask(), after)
    },
    removeSubtask(task: Task, subtask: Subtask) {
      remove(task.subtasks, subtask)
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

function taskList(project: Project): Task[] {
  if (!Array.isArray(project.tasks)) project.tasks = []
  return project.tasks
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
