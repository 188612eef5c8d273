//! The schema, and how an older one becomes it.

use deadpool_postgres::Client;
use tokio_postgres::Error;

use crate::storage::Failure;

/// Each release's steps. A step that has been released is never changed, and never takes away what an older release uses: so nodes of two
/// releases work side by side while they are replaced one by one.
const STEPS: &[&str] = &[
    // 1: a row is a lease and a record. Claims and most saves change no column that has an index, so that they stay in the row's page.
    "CREATE TABLE bits_sessions (
        id uuid PRIMARY KEY,
        owner text NOT NULL,
        is_open boolean NOT NULL,
        newest bigint NOT NULL,
        holder bigint NOT NULL,
        until timestamptz NOT NULL,
        crashed boolean NOT NULL,
        saved timestamptz NOT NULL,
        due timestamptz NOT NULL,
        record bytea NOT NULL
    ) WITH (fillfactor = 70);
    CREATE INDEX bits_sessions_due ON bits_sessions (due);
    CREATE INDEX bits_sessions_open ON bits_sessions (owner) WHERE is_open;",
    // 2: what a storage must remember of the bytes of an upload.
    "ALTER TABLE bits_sessions ADD COLUMN place bytea NOT NULL DEFAULT '';",
];

/// The lock under which one process alone changes the schema; any number that others do not use.
const LOCK: i64 = 0x6269_7473;

/// Brings the schema up to this release's.
pub(super) async fn migrate(client: &mut Client) -> Result<(), Failure> {
    let found = steps(client).await.map_err(|error| super::failure(&error))?;
    let known = STEPS.len();
    match found > known {
        // A later release has been here. It took nothing away that this one uses.
        true => Ok(()),
        false if found == known => Ok(()),
        false => Err(Failure::internal(format!("the schema is at step {found}, and not at {known}"))),
    }
}

/// Takes the steps that are missing, all or none, and returns how many were ever taken.
async fn steps(client: &mut Client) -> Result<usize, Error> {
    let change = client.transaction().await?;
    change.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    change.batch_execute("CREATE TABLE IF NOT EXISTS bits_schema (step int PRIMARY KEY)").await?;
    let taken: i32 =
        change.query_one("SELECT coalesce(max(step), 0) FROM bits_schema", &[]).await?.try_get(0)?;
    let taken = usize::try_from(taken).unwrap_or_default();
    for (number, step) in (1_i32..).zip(STEPS).skip(taken) {
        change.batch_execute(step).await?;
        change.execute("INSERT INTO bits_schema VALUES ($1)", &[&number]).await?;
    }
    change.commit().await?;
    Ok(taken.max(STEPS.len()))
}
