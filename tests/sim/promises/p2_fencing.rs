//! P2: whoever writes names the epoch under which it decided. More of it in [`crate::store`].

use leaderserver::core::contenders::Confirmed;
use leaderserver::core::ids::{Epoch, LeaderSessionId};
use leaderserver::core::name_service::FENCE_KEPT;
use leaderserver::core::store::{Fence, OperationKind, StoreError};

use super::leader_and_follower;
use crate::clock::ms;
use crate::store::{LONG, keys, outcome, wait_for_answer};
use crate::users::Manners;
use crate::world::{Setup, World, name};

/// A confirmation counts for the id that it names, not for the present one.
#[test]
fn p2_a_late_confirmation_under_an_old_id_changes_nothing() {
    let mut world = World::new(Setup::default());
    let a = world.process("a");
    let manners = Manners { confirm: None, ..Manners::default() };
    let of_a = world.contend_with(a, "dispatcher", manners);
    world.run_for(ms(100));
    let first = world.leadership(a, of_a).expect("it leads");
    world.operator_resigns("process", None);
    world.run_for(ms(100));
    let second = world.leadership(a, of_a).expect("it leads again");
    assert_eq!(world.confirm_now(a, of_a, first), Confirmed::NotLeader);
    let made_up = LeaderSessionId { epoch: second.epoch, low: !second.low };
    assert_eq!(world.confirm_now(a, of_a, made_up), Confirmed::NotLeader);
    assert!(matches!(world.confirm_now(a, of_a, second), Confirmed::Recorded(_)));
    assert_eq!(world.confirm_now(a, of_a, second), Confirmed::Already);
    world.run_for(ms(100));
    world.check_well();
}

/// P2: who has resigned cleans up, as Flink does at every shutdown; also when nobody stands in the
/// election any more, and for as long as its fence is kept.
#[test]
fn p2_who_has_resigned_may_clean_up() {
    let mut world = World::new(Setup::default());
    let a = world.process("a");
    let of_a = world.contend(a, "dispatcher");
    world.run_until("a leads", ms(1000), |world| world.fence(a, of_a).is_some());
    let fence = world.fence(a, of_a).expect("it leads");
    world.create(a, fence.clone(), "k", LONG);
    wait_for_answer(&mut world, a, 1);
    world.close(a, of_a, false);
    world.run_for(ms(1000));
    assert!(world.election("process").is_none(), "forgotten");
    // For as long as there are keys.
    world.run_for(FENCE_KEPT * 2);
    let prefix = String::new();
    world.write(a, fence.clone(), vec![OperationKind::DeletePrefix { prefix }], LONG);
    wait_for_answer(&mut world, a, 2);
    assert_eq!(outcome(&world, a), Some(Ok(())));
    world.run_for(FENCE_KEPT / 2);
    world.write(a, fence.clone(), vec![], LONG);
    wait_for_answer(&mut world, a, 3);
    assert_eq!(outcome(&world, a), Some(Ok(())));
    // Nothing is left to clean up: in the end the fence goes, too, and nobody writes.
    world.run_for(FENCE_KEPT);
    world.write(a, fence, vec![], LONG);
    wait_for_answer(&mut world, a, 4);
    assert!(matches!(outcome(&world, a), Some(Err(StoreError::Fenced { .. }))));
    world.check_nothing_left();
}

/// An epoch that was never granted, and one of another election.
#[test]
fn p2_only_granted_epochs_write() {
    let (mut world, [(a, of_a), _]) = leader_and_follower(Setup::default());
    let fence = world.fence(a, of_a).expect("it leads");
    let later = Fence { epoch: Epoch(fence.epoch.0 + 1), ..fence.clone() };
    let other = Fence { election: name("other"), ..fence };
    for (number, fence) in [later, other].into_iter().enumerate() {
        world.create(a, fence, "k", LONG);
        wait_for_answer(&mut world, a, number + 1);
        assert!(matches!(outcome(&world, a), Some(Err(StoreError::Fenced { .. }))));
    }
    assert_eq!(keys(&world), 0);
}
