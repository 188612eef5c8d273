//! Uploads a file with reqwest. Killed, it goes on when it is run again.
//!
//! The README shows all but the line about TLS, which reqwest's default features need not.

use bits_http::client::{Config, Event, FileSource, Reqwest, upload};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [file, url] = [1, 2].map(|number| std::env::args().nth(number).unwrap_or_default());
    let config = Config::new().state(format!("{file}.upload")).on_event(|event| {
        if let Event::Sent { sent, total } = event {
            println!("{sent} of {total} bytes");
        }
    });
    let _installed_already = rustls::crypto::ring::default_provider().install_default();
    let network = Reqwest::new(reqwest::Client::builder)?;
    let done = upload(FileSource::open(file)?, url.parse()?, &network, config).await?;
    println!("the server has {} bytes, confirmed: {}", done.bytes, done.confirmed);
    Ok(())
}
