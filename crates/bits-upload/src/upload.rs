//! One upload: what `bits_http` is told, and what comes of it.

use std::future::Future;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bits_http::client::{Completed, Config, Control, FileSource, Source, upload};

use crate::credentials::Answerer;
use crate::network::network;
use crate::options::Options;
use crate::problem::Problem;
use crate::screen::Screen;
use crate::wording;

/// Uploads the file; returns once the server has published it, or with the reason why it has not.
pub(crate) async fn run(options: &Options, interrupted: impl Future<Output = ()>) -> Result<(), Problem> {
    let source = open(&options.file)?;
    let network = network(options)?;
    let screen = Shared::new(Screen::new(options, source.size()));
    let advice = Shared::default();
    let control = Control::default();
    let config = config(options, &screen, &advice, control.clone())?;
    let ended = {
        let mut uploading = Box::pin(upload(source, options.url.clone(), &network, config));
        tokio::select! {
            ended = &mut uploading => ended,
            () = interrupted => {
                control.suspend();
                uploading.await
            }
        }
    };
    screen.lock().end();
    let advice = advice.lock().take();
    ended.map(|completed| tell(completed, &screen)).map_err(|error| wording::problem(&error, advice, options))
}

fn open(path: &Path) -> Result<FileSource, Problem> {
    let shown = path.display();
    FileSource::open(path).map_err(|error| match error.kind() {
        ErrorKind::Other => Problem::failed(format_args!("{shown} cannot be uploaded: {error}")),
        _ => Problem::failed(format_args!("{shown} cannot be read: {error}")),
    })
}

fn config(
    options: &Options,
    screen: &Shared<Screen>,
    advice: &Shared<Option<String>>,
    control: Control,
) -> Result<Config, Problem> {
    let (retry_min, retry_max) = options.retry_delays();
    let (screen, advice) = (screen.clone(), advice.clone());
    let mut answerer = Answerer::new(options.user.clone());
    let (file, url) = (options.file.display().to_string(), options.url.clone());
    let mut config = Config::new()
        .protocol(options.protocol()?)
        .headers(options.headers())
        .host_policy(options.host_policy())
        .reply_patience(retry_min, retry_max, options.give_up_after())
        .control(control)
        .on_event(move |event| screen.lock().tell(&event, &file, &url))
        .credentials(move |challenge| match answerer.answer(challenge) {
            Ok(credentials) => Some(credentials),
            Err(what_to_do) => {
                *advice.lock() = Some(what_to_do);
                None
            }
        });
    if let Some(path) = &options.state {
        config = config.state(path);
    }
    if let Some(path) = &options.reply {
        config = config.reply(path);
    }
    Ok(config)
}

fn tell(completed: Completed, screen: &Shared<Screen>) {
    let screen = screen.lock();
    screen.done();
    if !completed.confirmed {
        screen.note(format_args!("the server did not confirm that it published the file: have a look"));
    }
}

/// Something that the program and the callbacks of its upload use in turn.
#[derive(Debug, Default)]
pub(crate) struct Shared<T>(Arc<Mutex<T>>);

impl<T> Shared<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(value)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
