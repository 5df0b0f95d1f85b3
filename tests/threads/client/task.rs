//! In place of the task, which is no part of these models: what it is asked waits for ever.

use leaderserver::core::contenders::Command;
use leaderserver::core::ids::Name;

pub(super) enum Ask {
    Command(Command),
    Watch(Name),
    Unwatch(Name),
}
