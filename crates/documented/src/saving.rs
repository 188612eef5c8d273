//! An upload server on axum that outlives crashes: it saves its sessions, restores and expires them.
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bits_http::tasks::{Task, Tasks};
use bits_proto::server::{Directory, Held, Output, Refusal, Report, Restored, Sessions, Store};
use http_body_util::BodyExt;
use tokio::net::TcpListener;
use tokio::task::block_in_place;
use tokio::time::{sleep, timeout};

type Done = Result<Report, Refusal>;

#[derive(Debug)]
pub struct Server {
    tasks: Tasks,
    root: PathBuf,
    /// `ID.part` has the bytes of an unfinished upload, `ID.json` the record of its session.
    state: PathBuf,
}

impl Server {
    /// Takes up what an earlier process left in this folder.
    pub fn open(root: PathBuf, directory: Directory) -> io::Result<Arc<Self>> {
        let state = root.join(".unfinished");
        fs::create_dir_all(&state)?;
        let mut sessions = Sessions::new(directory);
        for entry in fs::read_dir(&state)? {
            let path = entry?.path();
            if path.extension() == Some("json".as_ref()) {
                restore(&mut sessions, &path)?;
            } else if !path.with_extension("json").exists() {
                fs::remove_file(path)?; // No client was told of it.
            }
        }
        let tasks = Tasks::new(sessions, Instant::now);
        Ok(Arc::new(Self { tasks, root, state }))
    }

    /// Serves until it fails. Needs a runtime with several threads.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) -> io::Result<()> {
        let router = Router::new().fallback(answer).with_state(Arc::clone(&self));
        tokio::spawn(async move {
            loop {
                while let Some(task) = self.tasks.expired() {
                    self.drive(task, "", Body::empty()).await;
                }
                sleep(Duration::from_secs(1)).await;
            }
        });
        axum::serve(listener, router).await
    }

    /// Does what a session asks for, and reports it, until the exchange is over.
    async fn drive(&self, task: Task, path: &str, mut body: Body) -> Response {
        loop {
            let done = match task.next().await {
                Output::Respond(ack) => return ack.to_response().map(|()| Body::empty()),
                Output::Done => return StatusCode::OK.into_response(),
                Output::Store(store) => self.store(&task, store, &mut body).await,
                output => block_in_place(|| self.step(&task, output, path)),
            };
            task.report(done.unwrap_or_else(Report::Failed));
        }
    }

    fn step(&self, task: &Task, output: Output, path: &str) -> Done {
        Ok(match output {
            Output::Admit => Report::Admitted,
            Output::Open => {
                self.destination(path)?;
                File::create_new(self.file(task, "part")?)?;
                Report::Opened
            }
            Output::Save(record) => {
                let new = self.file(task, "new")?;
                let mut file = File::create(&new)?;
                file.write_all(&serde_json::to_vec(&record).map_err(io::Error::from)?)?;
                file.sync_all()?;
                fs::rename(new, self.file(task, "json")?)?;
                File::open(&self.state)?.sync_all()?;
                Report::Saved
            }
            Output::Publish { .. } => {
                let part = self.file(task, "part")?;
                if !part.try_exists()? {
                    return Err(Refusal::EntityMissing); // Published by a process that died.
                }
                fs::rename(part, self.destination(path)?)?;
                File::open(&self.root)?.sync_all()?;
                Report::Published
            }
            Output::Discard => remove(&self.file(task, "part")?).map(|()| Report::Discarded)?,
            Output::Forget => remove(&self.file(task, "json")?).map(|()| Report::Forgotten)?,
            _ => return Err(Refusal::Internal),
        })
    }

    /// Stores what is new of the body. However the body ends, what was stored by then counts.
    async fn store(&self, task: &Task, mut store: Store, body: &mut Body) -> Done {
        let file = File::options().write(true).open(self.file(task, "part")?)?;
        loop {
            let frame = tokio::select! {
                () = task.stopped() => break,
                frame = timeout(Duration::from_secs(60), body.frame()) => frame,
            };
            let Ok(Some(Ok(frame))) = frame else { break };
            let data = frame.into_data().unwrap_or_default();
            let at = store.range().start + store.clipped();
            block_in_place(|| file.write_all_at(store.clip(&data), at))?;
        }
        block_in_place(|| file.sync_data())?;
        Ok(Report::Stored(store.clipped()))
    }

    fn file(&self, task: &Task, extension: &str) -> Result<PathBuf, Refusal> {
        let id = task.exchange().session().ok_or(Refusal::Internal)?;
        Ok(self.state.join(format!("{id}.{extension}")))
    }

    /// The path is whatever a stranger sent: what is known to be good is taken, and nothing else.
    fn destination(&self, path: &str) -> Result<PathBuf, Refusal> {
        let name = path.strip_prefix("/uploads/").unwrap_or_default();
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let is_name = (1..=100).contains(&name.len()) && name.bytes().all(is_good);
        match is_name && !name.starts_with('.') {
            true => Ok(self.root.join(name)),
            false => Err(Refusal::AccessDenied),
        }
    }
}

/// In a task of its own: axum drops the handler of a connection that breaks.
async fn answer(State(server): State<Arc<Server>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    // Here everybody is one owner; a real server names its authenticated user.
    let Some(task) = server.tasks.begin(&head, &(), random) else {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    };
    let done = tokio::spawn(async move { server.drive(task, head.uri.path(), body).await }).await;
    done.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn restore(sessions: &mut Sessions, path: &Path) -> io::Result<()> {
    let record = serde_json::from_slice(&fs::read(path)?)?;
    let part = path.with_extension("part");
    let held = match part.try_exists()? {
        true => Held::Bytes(fs::metadata(&part)?.len()),
        false => Held::Nothing,
    };
    let written = fs::metadata(path)?.modified()?;
    let age = written.elapsed().unwrap_or_default();
    let restored = sessions.restore(Instant::now(), record, age, held);
    match restored.map_err(io::Error::other)? {
        Restored::Open(length) => File::options().write(true).open(part)?.set_len(length),
        Restored::Ended => remove(&part),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
}
