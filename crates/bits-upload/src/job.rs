//! One file, and where it goes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use bits_http::client::{Config, StateFile};
use http::Uri;

use crate::options::Options;
use crate::problem::Problem;
use crate::{resume, values};

/// One file, and where it goes.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) file: PathBuf,
    pub(crate) url: Uri,
    pub(crate) state: Option<PathBuf>,
    pub(crate) reply: Option<PathBuf>,
}

impl Job {
    /// All that the command line asks for.
    pub(crate) fn all(options: &Options) -> Result<Vec<Self>, Problem> {
        let is_folder = options.url.path().ends_with('/');
        let mut jobs = Vec::new();
        for file in &options.files {
            if options.recursive {
                walk(file, &mut Vec::new(), options, &mut jobs)?;
            } else if is_folder {
                let name = file.file_name().and_then(|name| name.to_str());
                let name = name.ok_or_else(|| {
                    Problem::usage(format_args!(
                        "{} has no name that could be sent: name it in the address",
                        file.display()
                    ))
                })?;
                jobs.push(Self::new(file, below(&options.url, &[name])?, options)?);
            } else {
                jobs.push(Self::new(file, options.url.clone(), options)?);
            }
        }
        let several = jobs.len() > 1 || options.recursive;
        if several && !is_folder {
            return Err(Problem::usage("several files need a folder as their address: one that ends with /"));
        }
        if several && (options.state.is_some() || options.reply.is_some()) {
            return Err(Problem::usage(
                "--state and --reply are for one file: --resume keeps a state for each",
            ));
        }
        let mut places = BTreeMap::new();
        for job in &jobs {
            job.check()?;
            if let Some(other) = places.insert(job.url.path(), &job.file) {
                let (file, other, place) = (job.file.display(), other.display(), job.url.path());
                return Err(Problem::usage(format_args!(
                    "{other} and {file} would both become {place}: one would replace the other"
                )));
            }
        }
        Ok(jobs)
    }

    fn new(file: &Path, url: Uri, options: &Options) -> Result<Self, Problem> {
        let state = match options.resume {
            true => Some(resume::place(file, &url)?),
            false => options.state.clone(),
        };
        Ok(Self { file: file.to_owned(), url, state, reply: options.reply.clone() })
    }

    fn check(&self) -> Result<(), Problem> {
        for file in [&self.state, &self.reply].into_iter().flatten() {
            can_be_replaced(file)?;
        }
        let files = self.files();
        if files.len() > files.iter().map(|file| whole(file)).collect::<BTreeSet<_>>().len() {
            return Err(Problem::usage("FILE, --state and --reply must be different files"));
        }
        Ok(())
    }

    /// Every file that is read or written, those beside others included.
    fn files(&self) -> Vec<PathBuf> {
        let beside = |path: &PathBuf| [path.clone(), StateFile::aside(path), StateFile::lock(path)];
        let state = self.state.iter().flat_map(beside);
        let reply = self.reply.iter().flat_map(|path| [path.clone(), Config::reply_part(path)]);
        [self.file.clone()].into_iter().chain(state).chain(reply).collect()
    }
}

/// All files below a folder, in the order of their names. Links to folders are not followed: they may lead around.
fn walk(
    folder: &Path,
    names: &mut Vec<String>,
    options: &Options,
    jobs: &mut Vec<Job>,
) -> Result<(), Problem> {
    let shown = folder.display();
    let unreadable = |error| Problem::failed(format_args!("{shown} cannot be read: {error}"));
    let entries = fs::read_dir(folder).map_err(unreadable)?.collect::<Result<Vec<_>, _>>();
    let mut entries = entries.map_err(unreadable)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let kind = entry.file_type().map_err(unreadable)?;
        let Ok(name) = entry.file_name().into_string() else {
            return Err(Problem::failed(format_args!("{} has no name that could be sent", path.display())));
        };
        names.push(name);
        if kind.is_dir() {
            walk(&path, names, options, jobs)?;
        } else if !(kind.is_symlink() && path.is_dir()) {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            jobs.push(Job::new(&path, below(&options.url, &names)?, options)?);
        }
        names.pop();
    }
    Ok(())
}

fn below(folder: &Uri, names: &[&str]) -> Result<Uri, Problem> {
    values::below(folder, names.iter().copied()).map_err(Problem::usage)
}

/// A file that is written aside and renamed: nothing else may stand in its place, a device least of all.
fn can_be_replaced(file: &Path) -> Result<(), Problem> {
    let in_a_folder = folder(file).is_dir() && file.file_name().is_some();
    match file.symlink_metadata() {
        Ok(found) if in_a_folder && found.is_file() => Ok(()),
        Err(_) if in_a_folder => Ok(()),
        _ => Err(Problem::usage(format_args!(
            "{} cannot be written: name a plain file in a folder that exists",
            file.display()
        ))),
    }
}

/// The one name of a file, whether it is there or not.
pub(crate) fn whole(file: &Path) -> PathBuf {
    file.canonicalize()
        .or_else(|_| {
            folder(file).canonicalize().map(|folder| folder.join(file.file_name().unwrap_or_default()))
        })
        .unwrap_or_else(|_| file.to_owned())
}

/// The folder of a file, whether that is there or not.
fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
