-- The two roles every transaction runs as. Roles belong to the whole server and test databases are made in
-- parallel, so creation tolerates losing the race.
DO $$
BEGIN
    CREATE ROLE sb_tenant NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

DO $$
BEGIN
    CREATE ROLE sb_system NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

-- Whoever migrates may act as both; a separate login of the services is granted them by the operator.
DO $$
BEGIN
    EXECUTE format('GRANT sb_tenant, sb_system TO %I', current_user);
EXCEPTION WHEN duplicate_object OR unique_violation OR invalid_grant_operation THEN NULL;
END $$;

GRANT USAGE ON SCHEMA public TO sb_tenant, sb_system;

-- The tenant of the running transaction; NULL when none is set, which matches no row.
CREATE FUNCTION sb_current_organization() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('app.organization_id', true), '')::uuid $$;

-- Gives a tenant table its row security: a tenant sees and writes its own rows, the system all of them.
CREATE FUNCTION sb_secure_tenant_table(tenant_table regclass, organization_column text DEFAULT 'organization_id')
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format(
        'CREATE POLICY tenant ON %s TO sb_tenant USING (%I = sb_current_organization()) WITH CHECK (%I = sb_current_organization())',
        tenant_table, organization_column, organization_column);
    EXECUTE format('CREATE POLICY system ON %s TO sb_system USING (true) WITH CHECK (true)', tenant_table);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO sb_tenant, sb_system', tenant_table);
END $$;

-- A table only the system may touch.
CREATE FUNCTION sb_secure_system_table(system_table regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', system_table);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', system_table);
    EXECUTE format('CREATE POLICY system ON %s TO sb_system USING (true) WITH CHECK (true)', system_table);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO sb_system', system_table);
END $$;
