//! Uploads a file with ureq, without a runtime. Killed, it goes on when it is run again.

use bits_http::client::{Config, Event, FileSource, Ureq, upload_blocking};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [file, url] = [1, 2].map(|number| std::env::args().nth(number).unwrap_or_default());
    let config = Config::new().state(format!("{file}.upload")).on_event(|event| {
        if let Event::Sent { sent, total } = event {
            println!("{sent} of {total} bytes");
        }
    });
    let network = Ureq::new(ureq::Agent::config_builder());
    let done = upload_blocking(FileSource::open(file)?, url.parse()?, &network, config)?;
    println!("the server has {} bytes, confirmed: {}", done.bytes, done.confirmed);
    Ok(())
}
