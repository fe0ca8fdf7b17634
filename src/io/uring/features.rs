//! What the kernel's io_uring can do, found by trying, never by its version.

use std::fmt;

macro_rules! features {
    ($($(#[$doc:meta])* $name:ident: $label:literal,)*) => {
        /// Optional abilities of a ring.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Features {
            $($(#[$doc])* pub $name: bool,)*
        }

        impl Features {
            /// Every ability: as a permission, the default.
            pub const ALL: Features = Features { $($name: true,)* };
            /// No ability: as a permission, what an old kernel would have.
            pub const NONE: Features = Features { $($name: false,)* };

            /// The abilities that both have.
            #[must_use]
            pub fn and(self, other: Features) -> Features {
                Features { $($name: self.$name && other.$name,)* }
            }

            fn labels(&self) -> [(bool, &'static str); [$($label),*].len()] {
                [$((self.$name, $label),)*]
            }
        }
    };
}

features! {
    /// Completions are processed only when the shard asks for them (6.1). Takes a single issuer.
    deferred_task_run: "deferred-task-run",
    /// Completions do not interrupt the shard (5.19).
    cooperative_task_run: "cooperative-task-run",
    /// One failed submission does not hold up those after it (5.18).
    submit_all: "submit-all",
    /// A sleeping shard does not count as waiting for a disk (6.15).
    no_iowait: "no-iowait",
    /// The kernel picks receive buffers when bytes arrive (5.19).
    buffer_ring: "buffer-ring",
    /// One submission receives for ever (6.0). Takes the buffer ring.
    multishot_receive: "multishot-receive",
    /// One submission accepts for ever (5.19).
    multishot_accept: "multishot-accept",
    /// A ring posts completions to another (5.18).
    message_ring: "message-ring",
    /// Successful operations can be told to stay silent (5.17).
    silent_success: "silent-success",
    /// Files are cut by a kernel worker (6.9).
    truncate: "truncate",
    /// The kernel's workers are bound to the shard's core (5.14).
    worker_affinity: "worker-affinity",
    /// The kernel's workers are limited in number (5.15).
    worker_limit: "worker-limit",
}

impl fmt::Display for Features {
    /// One line: what is there, then what is missing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |wanted: bool| -> String {
            let labels = self.labels();
            let chosen: Vec<_> = labels.iter().filter(|(has, _)| *has == wanted).collect();
            chosen.iter().map(|(_, label)| *label).collect::<Vec<_>>().join(" ")
        };
        match (list(true), list(false)) {
            (has, lacks) if lacks.is_empty() => write!(f, "{has}"),
            (has, lacks) if has.is_empty() => write!(f, "none (without {lacks})"),
            (has, lacks) => write!(f, "{has} (without {lacks})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_is_there_and_what_is_missing() {
        let some = Features { truncate: false, no_iowait: false, ..Features::ALL };
        let text = some.to_string();
        assert!(text.ends_with("(without no-iowait truncate)"), "{text}");
        assert!(text.starts_with("deferred-task-run cooperative-task-run"), "{text}");
        assert_eq!(some.and(Features::NONE), Features::NONE);
    }
}
