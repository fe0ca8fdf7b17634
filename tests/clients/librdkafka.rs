//! librdkafka's own test suite: every test that talks to a broker, but for those in
//! `librdkafka/skip.txt`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use super::support::broker::BrokerOptions;
use super::support::install::{self, Requirement};
use super::support::program;
use super::target::Target;
use super::toolchain::sources;

/// How long one test of the suite may run. The longest takes about a minute.
const TEST_LIMIT: Duration = Duration::from_secs(240);

/// Tests that run at a time. They wait much more than they compute.
const WORKERS: usize = 4;

/// The broker's version that the suite is told. It decides which features the tests expect.
const KAFKA_VERSION: &str = "4.2.0";

/// Last lines of a failed test that are shown.
const TAIL_LINES: usize = 60;

#[test]
fn suite() {
    let skip = SkipList::read();
    let suite = Suite::install();
    let numbers = suite.numbers();
    let jobs = numbers.iter().flat_map(|number| skip.jobs(number)).collect();
    let outcome = run_all(&suite, jobs);

    println!("passed: {}", outcome.passed.join(" "));
    assert!(outcome.passed.len() > 30, "the suite has many tests that use a broker");
    let failed: Vec<&str> = outcome.failed.keys().map(String::as_str).collect();
    let stories: Vec<&str> = outcome.failed.values().map(String::as_str).collect();
    assert!(failed.is_empty(), "failed: {}\n{}", failed.join(" "), stories.join("\n"));
}

/// What came of the tests.
#[derive(Default)]
struct Outcome {
    passed: Vec<String>,
    /// The story of each failure, by the test's name.
    failed: BTreeMap<String, String>,
}

/// One run of the suite's program.
struct Job {
    number: String,
    /// Runs only subtests of this function.
    subtest: Option<String>,
}

impl Job {
    fn name(&self) -> String {
        match &self.subtest {
            Some(subtest) => format!("{}/{subtest}", self.number),
            None => self.number.clone(),
        }
    }
}

/// Runs the jobs on one broker, a few at a time.
fn run_all(suite: &Suite, jobs: VecDeque<Job>) -> Outcome {
    let target = Target::start(BrokerOptions::default().set("num.partitions", 4));
    let configuration = suite.configuration(&target.bootstrap());
    let jobs = Mutex::new(jobs);
    let outcome = Mutex::new(Outcome::default());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(job) = next(&jobs) {
                    let result = suite.run(&job, &configuration);
                    let mut outcome = outcome.lock().expect("no worker panics with it");
                    match result {
                        Ok(false) => {} // nothing in it talks to a broker
                        Ok(true) => outcome.passed.push(job.name()),
                        Err(story) => drop(outcome.failed.insert(job.name(), story)),
                    }
                }
            });
        }
    });
    let outcome = outcome.into_inner().expect("no worker panicked");
    // The broker's log belongs to a failure's story, and ends with the broker.
    if let (Target::Own(broker), false) = (&target, outcome.failed.is_empty()) {
        println!("--- the end of the broker's log ---\n{}\n---", broker.log_tail());
    }
    outcome
}

fn next(jobs: &Mutex<VecDeque<Job>>) -> Option<Job> {
    jobs.lock().expect("no worker panics with it").pop_front()
}

/// The built suite.
struct Suite {
    /// The folder `tests` of librdkafka's sources.
    folder: PathBuf,
}

impl Suite {
    /// Takes the sources from the crate that carries them, and builds library and tests there.
    fn install() -> Self {
        install::debian_packages(&[
            Requirement { probe: &["g++", "--version"], package: "g++" },
            Requirement { probe: &["make", "--version"], package: "make" },
            Requirement { probe: &["python3", "--version"], package: "python3" },
            Requirement { probe: &["test", "-e", "/usr/include/zlib.h"], package: "zlib1g-dev" },
            Requirement { probe: &["test", "-e", "/usr/include/zstd.h"], package: "libzstd-dev" },
            Requirement {
                probe: &["test", "-e", "/usr/include/rapidjson/schema.h"],
                package: "rapidjson-dev",
            },
        ]);
        let manifest = sources("librdkafka").join("Cargo.toml");
        let lock = sources("librdkafka").join("Cargo.lock");
        let source = |folder: &Path| folder.join("vendor/rdkafka-sys/librdkafka");
        let folder = install::folder("librdkafka", &[&manifest, &lock], |folder| {
            install::run(
                Command::new(env!("CARGO"))
                    .args(["vendor", "-q", "--locked", "--manifest-path"])
                    .arg(&manifest)
                    .arg(folder.join("vendor")),
            );
            let run = |program: &str, arguments: &[&str]| {
                install::run(Command::new(program).args(arguments).current_dir(source(folder)));
            };
            // What the tests of a plain broker do not use is left out.
            let without = ["ssl", "gssapi", "curl", "lz4-ext", "optimization"];
            let without: Vec<String> =
                without.iter().map(|what| format!("--disable-{what}")).collect();
            run("./configure", &without.iter().map(String::as_str).collect::<Vec<_>>());
            run("make", &["-j2", "libs"]);
            run("make", &["-j2", "-C", "tests", "build"]);
        });
        Suite { folder: source(&folder).join("tests") }
    }

    /// The numbers of the tests, as their files carry them. Those from 1000 are run by hand.
    fn numbers(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(&self.folder).expect("the suite's folder can be read");
        entries
            .map(|entry| entry.expect("the suite's folder can be read").file_name())
            .filter_map(|name| Some(name.to_str()?.split_once('-')?.0.to_owned()))
            .filter(|number| number.len() == 4 && number.starts_with('0'))
            .filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
            .collect()
    }

    /// Writes the suite's configuration for this broker, and gives its path.
    fn configuration(&self, bootstrap: &str) -> PathBuf {
        let path = self.folder.join(format!("test-{}.conf", bootstrap.replace(':', "-")));
        let text = format!("bootstrap.servers={bootstrap}\ntest.topic.random=true\n");
        fs::write(&path, text).expect("the suite's folder can be written");
        path
    }

    /// True if the tests of this number passed, false if none of them talks to a broker.
    fn run(&self, job: &Job, configuration: &Path) -> Result<bool, String> {
        let mut command = Command::new("./test-runner");
        command
            .args(["-p1", "-L"]) // one at a time; none that needs no broker
            .current_dir(&self.folder)
            .env("TESTS", &job.number)
            .env("TEST_KAFKA_VERSION", KAFKA_VERSION)
            .env("RDKAFKA_TEST_CONF", configuration)
            .env("LD_LIBRARY_PATH", "../src:../src-cpp")
            .env("CI", "true"); // longer time limits, wherever it runs
        if let Some(subtest) = &job.subtest {
            // The suite looks for this text in "FUNCTION:LINE: DESCRIPTION".
            command.env("SUBTESTS", format!("{subtest}:"));
        }
        let printed = program::run(&mut command, TEST_LIMIT)
            .map_err(|story| format!("--- {}: {}", job.name(), tail(&without_colours(&story))))?;
        verdict(job, &without_colours(&printed))
    }
}

/// Reads the table that a run ends with: `| NAME | VERDICT | SECONDS | REASON`.
fn verdict(job: &Job, printed: &str) -> Result<bool, String> {
    let mut is_passed = false;
    for line in printed.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, name, verdict, _, rest @ ..] = cells.as_slice() else { continue };
        if !name.starts_with(&job.number) {
            continue;
        }
        let reason = rest.first().copied().unwrap_or_default();
        match *verdict {
            "PASSED" => is_passed = true,
            "SKIPPED" if reason.starts_with("Filtered due to negative test flags") => {}
            _ => return Err(format!("--- {name}: {verdict}: {reason}; is it for the skip list?")),
        }
    }
    Ok(is_passed)
}

/// What is not run, from `librdkafka/skip.txt`.
struct SkipList {
    entries: BTreeMap<String, Extent>,
}

/// How much of a test in the skip list is run all the same.
enum Extent {
    Nothing,
    Subtests(Vec<String>),
}

impl SkipList {
    /// Reads lines of the form `NUMBER [only SUBTEST,SUBTEST…]: REASON`.
    fn read() -> Self {
        let path = sources("librdkafka").join("skip.txt");
        let text = fs::read_to_string(&path).expect("the skip list is there");
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        SkipList { entries: lines.map(SkipList::entry).collect() }
    }

    fn entry(line: &str) -> (String, Extent) {
        let (test, reason) = line.split_once(": ").expect("a skipped test has a reason");
        assert!(!reason.trim().is_empty(), "a skipped test has a reason: {line}");
        let words: Vec<&str> = test.split(' ').collect();
        let extent = match words[1..] {
            [] => Extent::Nothing,
            ["only", subtests] => {
                Extent::Subtests(subtests.split(',').map(str::to_owned).collect())
            }
            _ => panic!("the skip list has a line of another form: {line}"),
        };
        (words[0].to_owned(), extent)
    }

    /// The runs that this test takes: none if all of it is skipped.
    fn jobs(&self, number: &str) -> Vec<Job> {
        let job = |subtest| Job { number: number.to_owned(), subtest };
        match self.entries.get(number) {
            Some(Extent::Nothing) => Vec::new(),
            Some(Extent::Subtests(subtests)) => {
                subtests.iter().cloned().map(Some).map(job).collect()
            }
            None => vec![job(None)],
        }
    }
}

/// The end of what a failed run printed, after its first line, which says how it ended.
fn tail(story: &str) -> String {
    let lines: Vec<&str> = story.lines().collect();
    let last = lines.len().saturating_sub(TAIL_LINES).max(1);
    [&lines[..1.min(lines.len())], lines.get(last..).unwrap_or_default()].concat().join("\n")
}

/// The text without the escape sequences that colour a terminal.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for (index, part) in text.split('\u{1b}').enumerate() {
        let visible = if index == 0 { part } else { part.split_once('m').map_or("", |(_, p)| p) };
        plain.push_str(visible);
    }
    plain
}
