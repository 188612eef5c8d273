//! The same upload over either transport.

use bits_http::client::{Completed, Config, Error, Reqwest, Source, Ureq, upload, upload_blocking};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stack {
    Reqwest,
    Ureq,
}

pub(crate) const BOTH: [Stack; 2] = [Stack::Reqwest, Stack::Ureq];

impl Stack {
    pub(crate) fn upload(self, source: impl Source, url: &str, config: Config) -> Result<Completed, Error> {
        let url = url.parse().unwrap();
        match self {
            Self::Reqwest => {
                let _installed_already = rustls::crypto::ring::default_provider().install_default();
                let builder = || reqwest::Client::builder().tls_certs_only([]).no_proxy();
                let network = Reqwest::new(builder).unwrap();
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(upload(source, url, &network, config))
            }
            Self::Ureq => {
                let network = Ureq::new(ureq::Agent::config_builder().proxy(None));
                upload_blocking(source, url, &network, config)
            }
        }
    }
}
