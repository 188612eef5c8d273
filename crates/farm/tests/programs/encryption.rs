//! TLS to the database.

use end_to_end::Certificate;
use farm::{Database, Server};
use tempfile::TempDir;

use crate::harness::{Session, contents};

/// Whether a server starts with this URL, and uploads; else what it said.
fn uploads_with(url: &str) -> Result<(), String> {
    let root = TempDir::new().unwrap();
    let options = ["--listen", "127.0.0.1:0", "--root", root.path().to_str().unwrap(), "--state", url];
    let server = Server::try_start(&options.map(str::to_owned), Vec::new())?;
    let bytes = contents(1000);
    let session = Session::create(server.address(), "/a");
    assert_eq!(session.fragment(&bytes, 0, 1000).status, 200);
    assert_eq!(session.close().status, 200);
    assert_eq!(std::fs::read(root.path().join("a")).unwrap(), bytes);
    Ok(())
}

#[test]
fn the_connection_to_the_database_is_encrypted_and_its_certificate_checked_as_the_url_says() {
    let (ours, theirs) = (Certificate::create(), Certificate::create());
    let database = Database::start_with_tls(&ours);
    let url = |parameters: &str| format!("{}?{parameters}", database.tls_url());
    let [ca, other] = [&ours, &theirs].map(|certificate| certificate.chain().display().to_string());
    for good in [
        String::new(),
        "sslmode=require".to_owned(),
        // The password is proved to the owner of this certificate alone.
        "sslmode=require&channel_binding=require".to_owned(),
        format!("sslmode=require&sslrootcert={ca}"),
        format!("sslmode=verify-ca&sslrootcert={ca}"),
        format!("sslmode=verify-full&sslrootcert={ca}"),
    ] {
        assert_eq!(uploads_with(&url(&good)), Ok(()), "{good}");
    }
    // It has a certificate for 127.0.0.1.
    let named = |parameters: &str| url(parameters).replace("127.0.0.1", "localhost");
    assert_eq!(uploads_with(&named(&format!("sslmode=verify-ca&sslrootcert={ca}"))), Ok(()));
    for (wrong, words) in [
        (url("sslmode=disable"), "no encryption"),
        (url(&format!("sslmode=verify-full&sslrootcert={other}")), "certificate"),
        (url(&format!("sslmode=verify-ca&sslrootcert={other}")), "certificate"),
        (url("sslmode=verify-full"), "certificate"),
        (named(&format!("sslmode=verify-full&sslrootcert={ca}")), "not valid for name"),
        (url("sslmode=verify-full&sslrootcert=/nowhere"), "/nowhere"),
    ] {
        let told = uploads_with(&wrong).unwrap_err();
        assert!(told.contains(words) && !told.contains("secret"), "{wrong}: {told}");
    }
}

#[test]
fn a_database_without_tls_is_refused_where_it_must_have_it() {
    let database = Database::start();
    assert_eq!(uploads_with(&database.url()), Ok(()));
    let told = uploads_with(&format!("{}?sslmode=require", database.url())).unwrap_err();
    assert!(told.contains("TLS"), "{told}");
}
