-- The permissions that the service needs once the tables exist. Run this as the owner of the tables, after each migration:
--   psql "$ADMIN_URL" -f postgres-role.sql
-- The user's name and the schema (public) are examples. Set the password in psql: \password pathsync_service

DO $$ BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'pathsync_service') THEN
        CREATE ROLE pathsync_service LOGIN;
    END IF;
END $$;

GRANT USAGE ON SCHEMA public TO pathsync_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.sync_change_log TO pathsync_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.sync_documents TO pathsync_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.sync_checkpoints TO pathsync_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.sync_nodes TO pathsync_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.sync_meta TO pathsync_service;
