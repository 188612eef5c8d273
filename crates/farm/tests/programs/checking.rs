//! `--check-config` of `bits-server`, where its places are a database and a bucket.

use std::process::Command;

use end_to_end::{Certificate, programs};
use farm::{Database, Moto, Server};
use testing::machine::{eventually, free_address};

use crate::harness::request;

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

/// What is wrong with a database, which a server that is started with it says as well.
fn check_database(url: &str) -> Result<(), String> {
    let root = tempfile::TempDir::new().unwrap();
    let options = ["--listen", "127.0.0.1:0", "--state", url, "--root", root.path().to_str().unwrap()];
    let output = Command::new(programs::server()).arg("--check-config").args(options).output().unwrap();
    let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let starts = Server::try_start(&options.map(str::to_owned), Vec::new());
    assert_eq!(output.status.success(), starts.is_ok(), "{told} {:?}", starts.err());
    if output.status.success() { Ok(()) } else { Err(told) }
}

#[test]
fn a_database_in_which_nothing_can_be_changed_is_found() {
    let standby = check_database(&Database::start_standby().url()).unwrap_err();
    assert!(standby.contains("the database cannot be used: it is a standby"), "{standby}");
    let read_only = Database::start_with(&["fsync=off", "default_transaction_read_only=on"]);
    let told = check_database(&read_only.url()).unwrap_err();
    assert!(told.contains("nothing can be changed in it: its default_transaction_read_only is on"), "{told}");
    // What a URL says of its own connections counts.
    let writes = format!("{}?options=-c%20default_transaction_read_only%3Doff", read_only.url());
    assert_eq!(check_database(&writes), Ok(()));
}

#[test]
fn a_wrong_password_is_found_and_not_repeated() {
    let database = Database::start_with_tls(&Certificate::create());
    assert_eq!(check_database(&database.tls_url()), Ok(()));
    let told = check_database(&database.tls_url().replace("secret", "nonsense")).unwrap_err();
    assert!(told.contains("password authentication failed") && !told.contains("nonsense"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_of_a_later_release_can_be_used() {
    let database = Database::start();
    assert_eq!(check_database(&database.url()), Ok(()));
    let later = "ALTER TABLE bits_sessions ADD COLUMN later int NOT NULL DEFAULT 7;
        INSERT INTO bits_schema VALUES (1000)";
    database.client().await.batch_execute(later).await.unwrap();
    assert_eq!(check_database(&database.url()), Ok(()));
    assert_eq!(database.number("SELECT max(step)::bigint FROM bits_schema").await, 1000, "it stays");
}

#[test]
fn a_database_that_is_gone_is_no_health() {
    let (database, root, metrics) = (Database::start(), tempfile::TempDir::new().unwrap(), free_address());
    let (url, place) = (database.url(), metrics.to_string());
    let root = root.path().to_str().unwrap();
    let options = ["--listen", "127.0.0.1:0", "--state", &url, "--root", root, "--metrics", &place];
    let _server = Server::start(&options.map(str::to_owned), Vec::new());
    let health = || request(metrics, "GET", "/healthz", &[], b"");
    assert_eq!(health().status, 200);
    drop(database);
    eventually("the health is none", || health().status == 503);
    let told = String::from_utf8(health().body).unwrap();
    assert!(told.contains("the database cannot be used"), "{told}");
    // Metrics are told of what there is.
    assert_eq!(request(metrics, "GET", "/metrics", &[], b"").status, 200);
}
