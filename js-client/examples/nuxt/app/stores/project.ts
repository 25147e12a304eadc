export interface Task {
  /** Given by the client. It is what identifies a task, wherever it stands. */
  _sync_id?: string
  title: string
}

export const useProjectStore = defineStore('project', {
  state: () => ({
    project: {
      title: 'Untitled',
      description: '',
      settings: { zoom: 1, theme: 'light' },
      tasks: [] as Task[]
    },
    uiDrawerOpen: false // local only, not synced
  }),

  sync: {
    room: () => {
      const { id } = useRoute().params
      return id && `project-${id}`
    },
    include: ['project'] // only `project` is synced; `uiDrawerOpen` stays local
  }
})
