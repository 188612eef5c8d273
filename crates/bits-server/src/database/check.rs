//! A look at the database before a restart.

use std::error::Error;
use std::time::Duration;

use tokio::time::timeout;

use super::Database;

/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// The oldest version that has all that is used.
const OLDEST: i32 = 13;

/// What is known of a database before anything is changed in it. Even a table that is there already needs the right to make it.
const LOOK: &str = "SELECT current_setting('server_version_num')::int / 10000,
    pg_is_in_recovery(),
    current_setting('transaction_read_only')::bool,
    coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
    coalesce(has_table_privilege(to_regclass('bits_schema'), 'SELECT')
        AND has_table_privilege(to_regclass('bits_schema'), 'INSERT'), true)
    AND coalesce(has_table_privilege(to_regclass('bits_sessions'), 'SELECT')
        AND has_table_privilege(to_regclass('bits_sessions'), 'INSERT')
        AND has_table_privilege(to_regclass('bits_sessions'), 'UPDATE')
        AND has_table_privilege(to_regclass('bits_sessions'), 'DELETE'), true)";

/// Whether a server can use the database. Nothing is made or changed.
pub(crate) async fn check(url: &str) -> Result<(), String> {
    match timeout(PATIENCE, look(Database::of(url)?)).await {
        Ok(Ok(found)) => found.map_err(|why| format!("the database cannot be used: {why}")),
        Ok(Err(error)) => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            Err(format!("the database cannot be used: {error}{cause}"))
        }
        Err(_) => Err("the database cannot be used: it does not answer".to_owned()),
    }
}

async fn look(database: Database) -> Result<Result<(), String>, tokio_postgres::Error> {
    let (client, connection) = database.config.connect(database.tls).await?;
    // It ends with the client.
    tokio::spawn(connection);
    let found = client.query_one(LOOK, &[]).await?;
    let version: i32 = found.try_get(0)?;
    let (is_standby, is_read_only): (bool, bool) = (found.try_get(1)?, found.try_get(2)?);
    let (may_create, may_use): (bool, bool) = (found.try_get(3)?, found.try_get(4)?);
    Ok(match () {
        () if version < OLDEST => Err(format!("it is PostgreSQL {version}, and {OLDEST} or later is needed")),
        () if is_standby => Err("it is a standby, in which nothing can be changed".to_owned()),
        // A service makes a database so whose disk is full.
        () if is_read_only => {
            Err("nothing can be changed in it: its default_transaction_read_only is on".to_owned())
        }
        () if !may_create => Err("its user may make no tables: GRANT CREATE ON SCHEMA".to_owned()),
        () if !may_use => {
            Err("its user may not use the tables bits_schema and bits_sessions: GRANT ALL ON TABLE"
                .to_owned())
        }
        () => Ok(()),
    })
}
