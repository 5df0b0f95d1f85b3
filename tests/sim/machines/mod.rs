//! The machines by themselves, message by message: what the network of the world never does, and
//! what comes from somebody who does not keep to the rules (P10).

mod contenders;
mod damage;
mod durable;
mod name_service;
mod records;
mod session;

use leaderserver::core::ids::{Epoch, LeaderSessionId};

/// Somebody's leadership.
const ID: LeaderSessionId = LeaderSessionId { epoch: Epoch(101), low: 1 };
