//! P9: a pause costs no leadership; a process that does not fetch its events loses it.

use leaderserver::core::contenders::Callback;

use super::leader_and_follower;
use crate::clock::ms;
use crate::world::Setup;

/// A garbage collection pause does not stop heartbeats; a process that does not come for its
/// events for the stall time-out loses, and stands again when it comes.
#[test]
fn p9_a_stalled_process_loses_and_stands_again() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    world.set_fetching(a, false);
    world.run_for(ms(59_000));
    assert!(world.leads(a, of_a), "a long pause alone costs nothing");
    world.run_until("b leads", ms(1100), |world| world.leads(b, of_b));
    assert!(!world.leads(a, of_a));
    let election = world.election("process").expect("b stands in it");
    assert_eq!(election.candidates.len(), 1, "a has left");
    world.run_for(ms(30_000));
    world.set_fetching(a, true);
    world.run_for(ms(1000));
    assert!(matches!(world.told(a, of_a)[..], [Callback::Grant(_), Callback::Revoke(_)]));
    let election = world.election("process").expect("both stand in it");
    assert_eq!(election.candidates.len(), 2);
    world.check_well();
}

/// Heartbeats come from a native thread: a collection that stops every Java thread for longer than
/// the session's time-out costs nothing.
#[test]
fn p9_a_garbage_collection_costs_no_leadership() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    for seconds in [1, 12, 50] {
        world.collect_garbage(a, ms(seconds * 1000));
        world.run_for(ms(seconds * 1000 + 5000));
    }
    assert_eq!((world.callbacks(a, of_a), world.callbacks(b, of_b)), (1, 0));
    world.check_well();
}
