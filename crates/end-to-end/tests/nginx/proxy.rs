//! The real nginx with the configuration that the README shows.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use end_to_end::{Certificate, Port, Server, eventually};
use tempfile::TempDir;

/// The README's block, completed with ports and paths, and perhaps changed.
pub(crate) struct Configuration {
    binary: PathBuf,
    block: String,
    certificate: Certificate,
    tls: Port,
    /// A second way in, for requests by hand.
    plain: Port,
}

impl Configuration {
    /// `None`, and a note, where there is no nginx: `NGINX` names its binary.
    pub(crate) fn of_the_readme(server: &Server) -> Option<Self> {
        Self::of_the_readme_at(Port::reserve(), server)
    }

    /// With TLS at this port.
    pub(crate) fn of_the_readme_at(tls: Port, server: &Server) -> Option<Self> {
        let installed = || Some(PathBuf::from("/usr/sbin/nginx")).filter(|path| path.exists());
        let Some(binary) = std::env::var_os("NGINX").map(PathBuf::from).or_else(installed) else {
            println!("nginx is not here: nothing is tested");
            return None;
        };
        let readme =
            fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../bits-server/README.md")).unwrap();
        let mut blocks = readme.split("```nginx\n").skip(1);
        let (block, _) = blocks.next().unwrap().split_once("```").unwrap();
        assert!(blocks.next().is_none(), "one block is tested here, and there are more");
        let (certificate, plain) = (Certificate::create(), Port::reserve());
        let listen = format!("listen {} ssl; listen {};", tls.address, plain.address);
        let (chain, key) = (certificate.chain(), certificate.key());
        let this = Self { binary, block: block.to_owned(), certificate, tls, plain }
            .with("listen 443 ssl;", &listen)
            .with("/etc/ssl/files.example.org.pem", chain.to_str().unwrap())
            .with("/etc/ssl/files.example.org.key", key.to_str().unwrap())
            .with("127.0.0.1:8080", &server.address().to_string());
        Some(this)
    }

    /// One text, which must be there, replaced by another.
    pub(crate) fn with(mut self, text: &str, replacement: &str) -> Self {
        assert_eq!(self.block.matches(text).count(), 1, "{text} in {}", self.block);
        self.block = self.block.replace(text, replacement);
        self
    }

    pub(crate) fn without(self, directive: &str) -> Self {
        self.with(directive, "")
    }

    fn command(&self, folder: &TempDir) -> Command {
        let at = folder.path().display();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {at}/{kind};"))
            .concat();
        let configuration = format!(
            "daemon off; master_process off; pid {at}/pid; error_log {at}/error warn; events {{}}
             http {{ access_log {at}/access; {temporary} {} }}",
            self.block
        );
        fs::write(folder.path().join("conf"), configuration).unwrap();
        let mut command = Command::new(&self.binary);
        command.args(["-e", "error", "-c", "conf", "-p"]).arg(folder.path());
        // To nginx itself, a variable of this name is about sockets that it inherits.
        command.env_remove("NGINX");
        command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// What nginx says to this configuration.
    pub(crate) fn check(&self) -> Output {
        self.command(&tempfile::tempdir().unwrap()).arg("-t").output().unwrap()
    }

    pub(crate) fn start(self) -> Nginx {
        let folder = tempfile::tempdir().unwrap();
        let stderr = File::create(folder.path().join("stderr")).unwrap();
        let child = self.command(&folder).stderr(stderr).spawn();
        let child = child.unwrap_or_else(|error| panic!("{}: {error}", self.binary.display()));
        let nginx = Nginx { configuration: self, folder, child };
        eventually("nginx listens", || TcpStream::connect(nginx.address()).is_ok());
        nginx
    }
}

/// nginx at work. Dropped, it is killed.
pub(crate) struct Nginx {
    configuration: Configuration,
    folder: TempDir,
    child: Child,
}

impl Nginx {
    /// For requests by hand, without TLS.
    pub(crate) fn address(&self) -> SocketAddr {
        self.configuration.plain.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.configuration.tls.address)
    }

    /// What a client must trust.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.configuration.certificate.chain()
    }

    /// One line for each request that is over.
    pub(crate) fn access_log(&self) -> String {
        fs::read_to_string(self.folder.path().join("access")).unwrap_or_default()
    }

    pub(crate) fn error_log(&self) -> String {
        fs::read_to_string(self.folder.path().join("error")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _dead_already = self.child.kill();
        let _reaped_already = self.child.wait();
        if std::thread::panicking() {
            let stderr = fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default();
            println!("nginx: {stderr}{}{}", self.error_log(), self.access_log());
        }
    }
}
