-- The permissions that the service needs once the tables exist. Run this in the service's database, after each migration, as
-- a member of db_owner:
--   sqlcmd -S HOST -d DATABASE -i sqlserver-role.sql
-- The role's name and the schema (dbo) are examples. Make the user a member of the role:
--   CREATE USER [pathsync] FOR LOGIN [pathsync];
--   ALTER ROLE pathsync_service ADD MEMBER [pathsync];

IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE name = N'pathsync_service')
    CREATE ROLE pathsync_service;
GO

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.sync_change_log TO pathsync_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.sync_documents TO pathsync_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.sync_checkpoints TO pathsync_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.sync_nodes TO pathsync_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.sync_meta TO pathsync_service;
GO
