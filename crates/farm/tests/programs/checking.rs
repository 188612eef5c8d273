//! `--check-config` of `bits-server`, where its places are a database and a bucket.

use std::process::Command;

use end_to_end::programs;
use farm::{Database, Moto};

/// Whether it can be used, and all that was said.
fn check(state: &str, root: &str, moto: &Moto) -> (bool, String) {
    let mut command = Command::new(programs::server());
    command.args(["--check-config", "--listen", "127.0.0.1:0", "--state", state, "--root", root]);
    let output = command.envs(Moto::environment(moto.address())).output().unwrap();
    (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_and_a_bucket_are_looked_at_before_a_restart() {
    let (database, moto) = (Database::start(), Moto::start());
    let (url, bucket) = (database.url(), Moto::url());
    let (good, told) = check(&url, &bucket, &moto);
    assert!(good, "{told}");
    let tables = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'bits%'";
    assert_eq!(database.number(tables).await, 0, "nothing is made");

    let client = database.client().await;
    client.batch_execute("CREATE ROLE stranger LOGIN").await.unwrap();
    let gone = "postgres://bits@127.0.0.1:1/postgres";
    let as_stranger = url.replace("bits@", "stranger@");
    for (state, root, words) in [
        (gone, &*bucket, "the database cannot be used: error connecting to server"),
        (&url.replace("/postgres", "/missing"), &bucket, "database \"missing\" does not exist"),
        (&url.replace("bits@", "nobody@"), &bucket, "role \"nobody\" does not exist"),
        (&as_stranger, &bucket, "may make no tables: GRANT CREATE ON SCHEMA"),
        (&url, "s3://missing/files", "s3://missing/files cannot be used"),
    ] {
        let (good, told) = check(state, root, &moto);
        assert!(!good && told.contains(words), "{words} is not in {told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    // Tables of somebody else's.
    let tables = "GRANT CREATE ON SCHEMA public TO stranger; CREATE TABLE bits_schema (step int);
        CREATE TABLE bits_sessions (id uuid)";
    client.batch_execute(tables).await.unwrap();
    let (good, told) = check(&as_stranger, &bucket, &moto);
    assert!(!good && told.contains("may not use the tables"), "{told}");
    client.batch_execute("GRANT ALL ON bits_schema, bits_sessions TO stranger").await.unwrap();
    let (good, told) = check(&as_stranger, &bucket, &moto);
    assert!(good, "{told}");
}
