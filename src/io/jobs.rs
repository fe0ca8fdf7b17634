//! Background work on files: sequences of operations, one at a time.
//!
//! A [`Job`] is a list of steps that end in a result for its owner to act upon. A [`Lane`] runs
//! its jobs one after the other, one operation in flight. Nothing here decides anything, and
//! nothing is submitted here: the owner submits, and brings the completions.

use super::{DirectoryEntry, File, Gather, IoError, Op, OpenMode, Output};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// One operation of a job.
#[derive(Debug)]
pub enum Step {
    /// Opens a file, which becomes the job's newest.
    Open(PathBuf, OpenMode),
    /// Writes the job's newest file from its start.
    Write(Vec<u8>),
    /// Reserves room for the job's newest file.
    Allocate(u64),
    /// Syncs the job's newest file.
    Sync,
    /// Closes the job's newest file.
    Close,
    /// Syncs an open file.
    SyncFile(File),
    /// Cuts an open file off at a length.
    TruncateFile(File, u64),
    /// Closes an open file.
    CloseFile(File),
    /// Makes the entries of a directory durable.
    SyncDirectory(PathBuf),
    /// Makes a directory.
    MakeDirectory(PathBuf),
    /// Renames a file; one that does not exist is left alone if `optional`.
    Rename { from: PathBuf, to: PathBuf, optional: bool },
    /// Removes a file, if it exists.
    Unlink(PathBuf),
    /// Lists a directory into [`Job::listing`].
    ReadDirectory(PathBuf),
    /// Removes an empty directory.
    RemoveDirectory(PathBuf),
}

/// A sequence of steps, and what it is for.
#[derive(Debug)]
pub struct Job<K> {
    /// What it is for.
    pub kind: K,
    /// What is left to do.
    pub steps: VecDeque<Step>,
    /// Files that it opened and has not closed, oldest first.
    pub files: Vec<File>,
    /// What [`Step::ReadDirectory`] gave.
    pub listing: Vec<DirectoryEntry>,
    optional: bool,
}

/// How a job ended.
#[derive(Debug)]
pub struct Finished<K> {
    /// The job, with the files that it left open.
    pub job: Job<K>,
    /// The error that stopped it, if any.
    pub result: Result<(), IoError>,
}

/// Jobs that run one after the other.
#[derive(Debug)]
pub struct Lane<K> {
    waiting: VecDeque<Job<K>>,
    running: Option<Job<K>>,
}

impl<K> Default for Lane<K> {
    fn default() -> Self {
        Lane { waiting: VecDeque::new(), running: None }
    }
}

/// What a lane wants after a step.
#[derive(Debug)]
pub enum Turn<K> {
    /// Submit this and report its completion.
    Submit(Op),
    /// A job has ended; ask again for the next one.
    Finished(Finished<K>),
    /// There is nothing to do.
    Idle,
}

impl<K> Job<K> {
    /// A job of these steps.
    pub fn new(kind: K, steps: impl IntoIterator<Item = Step>) -> Job<K> {
        let steps = steps.into_iter().collect();
        Job { kind, steps, files: Vec::new(), listing: Vec::new(), optional: false }
    }

    fn begin(&mut self, step: Step) -> Op {
        let newest = |files: &[File]| *files.last().expect("a step before opened a file");
        self.optional = matches!(step, Step::Unlink(_) | Step::Rename { optional: true, .. });
        match step {
            Step::Open(path, mode) => Op::Open { path, mode },
            Step::Write(content) => {
                let mut data = Gather::default();
                data.push_shared(content.into());
                Op::Write { file: newest(&self.files), position: 0, data }
            }
            Step::Allocate(length) => Op::Allocate { file: newest(&self.files), length },
            Step::Sync => Op::Sync { file: newest(&self.files) },
            Step::Close => {
                let file = newest(&self.files);
                self.files.pop();
                Op::CloseFile { file }
            }
            Step::SyncFile(file) => Op::Sync { file },
            Step::TruncateFile(file, length) => Op::Truncate { file, length },
            Step::CloseFile(file) => Op::CloseFile { file },
            Step::SyncDirectory(path) => Op::SyncDirectory { path },
            Step::MakeDirectory(path) => Op::MakeDirectory { path },
            Step::Rename { from, to, .. } => Op::Rename { from, to },
            Step::Unlink(path) => Op::Unlink { path },
            Step::ReadDirectory(path) => Op::ReadDirectory { path },
            Step::RemoveDirectory(path) => Op::RemoveDirectory { path },
        }
    }

    fn complete(&mut self, result: Result<Output, IoError>) -> Result<(), IoError> {
        match result {
            Ok(Output::Opened(file)) => self.files.push(file),
            Ok(Output::Directory(entries)) => self.listing = entries,
            Ok(_) => {}
            Err(error) if self.optional && error.is_not_found() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl<K> Lane<K> {
    /// Adds a job behind the others.
    pub fn push(&mut self, job: Job<K>) {
        self.waiting.push_back(job);
    }

    /// Whether there is nothing to do.
    pub fn is_idle(&self) -> bool {
        self.running.is_none() && self.waiting.is_empty()
    }

    /// The jobs that wait or run, in order.
    pub fn kinds(&self) -> impl Iterator<Item = &K> {
        self.running.iter().chain(&self.waiting).map(|job| &job.kind)
    }

    /// Drops the jobs that have not begun, but for those of a kind to be kept.
    pub fn retain_waiting(&mut self, is_kept: impl Fn(&K) -> bool) {
        self.waiting.retain(|job| is_kept(&job.kind));
    }

    /// Begins the next job if none runs. Its steps are submitted one by one.
    pub fn start(&mut self) -> Turn<K> {
        if self.running.is_some() {
            return Turn::Idle;
        }
        self.running = self.waiting.pop_front();
        self.next()
    }

    /// Takes the completion of the operation in flight.
    pub fn advance(&mut self, result: Result<Output, IoError>) -> Turn<K> {
        let job = self.running.as_mut().expect("a completion belongs to a running job");
        match job.complete(result) {
            Ok(()) => self.next(),
            Err(error) => self.finish(Err(error)),
        }
    }

    fn next(&mut self) -> Turn<K> {
        let Some(job) = self.running.as_mut() else { return Turn::Idle };
        match job.steps.pop_front() {
            Some(step) => Turn::Submit(job.begin(step)),
            None => self.finish(Ok(())),
        }
    }

    fn finish(&mut self, result: Result<(), IoError>) -> Turn<K> {
        let job = self.running.take().expect("a running job finishes");
        Turn::Finished(Finished { job, result })
    }
}

/// The path with `suffix` added to its name.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The steps that replace a file's content, so that a crash leaves the old or the new.
pub fn replace_file(path: PathBuf, content: Vec<u8>) -> [Step; 6] {
    let temporary = with_suffix(&path, ".tmp");
    let directory = path.parent().map(PathBuf::from).unwrap_or_default();
    [
        Step::Open(temporary.clone(), OpenMode::CreateEmpty),
        Step::Write(content),
        Step::Sync,
        Step::Close,
        Step::Rename { from: temporary, to: path, optional: false },
        Step::SyncDirectory(directory),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: steps go in order, the opened file is used and closed, and the job reports its end.
    #[test]
    fn runs_steps_in_order() {
        let mut lane = Lane::default();
        lane.push(Job::new("epochs", replace_file(PathBuf::from("d/x"), b"new".to_vec())));
        let temporary = Path::new("d/x.tmp");
        assert!(matches!(lane.start(), Turn::Submit(Op::Open { path, .. }) if path == temporary));
        assert!(matches!(lane.start(), Turn::Idle));
        let turn = lane.advance(Ok(Output::Opened(File(7))));
        assert!(matches!(turn, Turn::Submit(Op::Write { file: File(7), position: 0, .. })));
        let turn = lane.advance(Ok(Output::Written(Gather::default())));
        assert!(matches!(turn, Turn::Submit(Op::Sync { file: File(7) })));
        assert!(matches!(lane.advance(Ok(Output::Done)), Turn::Submit(Op::CloseFile { .. })));
        assert!(matches!(lane.advance(Ok(Output::Done)), Turn::Submit(Op::Rename { .. })));
        let turn = lane.advance(Ok(Output::Done));
        let Turn::Submit(Op::SyncDirectory { path }) = turn else { panic!() };
        assert_eq!(path, Path::new("d"));
        let Turn::Finished(finished) = lane.advance(Ok(Output::Done)) else { panic!() };
        assert_eq!((finished.job.kind, finished.result), ("epochs", Ok(())));
        assert!(finished.job.files.is_empty() && lane.is_idle());
    }

    /// Goal: an error ends a job and hands over its open files; a missing file to unlink does not.
    #[test]
    fn errors_end_a_job() {
        let error = |errno| IoError { operation: "test", errno };
        let mut lane = Lane::default();
        let open = Step::Open(PathBuf::from("x"), OpenMode::Create);
        lane.push(Job::new((), [Step::Unlink(PathBuf::from("y")), open, Step::Sync]));
        assert!(matches!(lane.start(), Turn::Submit(Op::Unlink { .. })));
        assert!(matches!(lane.advance(Err(error(libc::ENOENT))), Turn::Submit(Op::Open { .. })));
        lane.advance(Ok(Output::Opened(File(3))));
        let Turn::Finished(finished) = lane.advance(Err(error(libc::EIO))) else { panic!() };
        assert_eq!(finished.result, Err(error(libc::EIO)));
        assert_eq!(finished.job.files, [File(3)]);
    }
}
