//! What the broker says in its log, counted by message, and shown on request.

use crate::world::World;
use std::collections::BTreeMap;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Listens to the log of the brokers of one run.
#[derive(Clone)]
pub struct Hearing {
    world: World,
    prints: bool,
    heard: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl Hearing {
    /// Listens; with `prints`, every line goes to standard error as well.
    pub fn new(world: &World, prints: bool) -> Hearing {
        Hearing { world: world.clone(), prints, heard: Arc::default() }
    }

    /// How often each message was heard.
    pub fn heard(&self) -> BTreeMap<String, u64> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// An event as text.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let written = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
        written.expect("strings take all");
    }
}

impl Subscriber for Hearing {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        if self.prints {
            let now = self.world.machine().agenda.now().monotonic.0;
            eprintln!("{now:>12} {} {}{}", event.metadata().level(), line.message, line.fields);
        }
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        *heard.entry(line.message).or_default() += 1;
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
