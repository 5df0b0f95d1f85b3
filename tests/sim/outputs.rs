//! What the client's task does with what its machine wants, as far as it comes: it may be
//! interrupted.

use leaderserver::core::session::{Deadlines, Output};
use leaderserver::core::wire::message::ClientMessage;

use crate::ambush::When;
use crate::process::Cause;
use crate::world::{Event, World};

impl World {
    /// Carries out what a test made the machine want.
    pub fn carry_out_of(&mut self, i: usize) {
        self.carry_out_all(i, Cause::Other);
    }

    pub(crate) fn carry_out_all(&mut self, i: usize, cause: Cause) {
        while let Some(output) = self.processes[i].session.poll_output() {
            self.carry_out_one(i, output, cause);
        }
    }

    /// Answers whether it came to an end. Between any two things that the task does, other threads
    /// may do something: its users go on, and the contenders are behind a lock that is held for one
    /// of them only.
    pub(crate) fn carry_out(&mut self, i: usize, cause: Cause) -> bool {
        loop {
            if self.setup.preempt > 0 && self.once_in(self.setup.preempt) {
                self.processes[i].busy = Some(cause);
                let wait = self.pick(self.setup.preempt_for);
                self.after(wait, Event::GoOn { process: i });
                return false;
            }
            let Some(output) = self.processes[i].session.poll_output() else { return true };
            self.carry_out_one(i, output, cause);
        }
    }

    /// The task goes on where it was interrupted.
    pub(crate) fn go_on(&mut self, i: usize) {
        if self.postpone(i, Event::GoOn { process: i }) {
            return;
        }
        let Some(cause) = self.processes[i].busy.take() else { return };
        self.count("the task is interrupted between its machine and its users");
        if self.carry_out(i, cause) {
            self.processes[i].watchdog.settled();
            self.turn(i, Cause::Other);
            self.schedule(i);
        }
    }

    fn carry_out_one(&mut self, i: usize, output: Output, cause: Cause) {
        let now = self.now;
        self.trace.note(now, "does", [i as u64, 0], || format!("p{i} {output:?}"));
        let process = &mut self.processes[i];
        let moment = process.clock.at(now);
        match output {
            Output::Connect { conn } => {
                process.watchdog.attempt = Some(conn);
                process.connects += 1;
                self.connect(i, conn);
            }
            Output::Send { conn, message } => {
                self.check_said(i, &message);
                let process = &mut self.processes[i];
                if let ClientMessage::SteppedDown { epoch, .. } = &message
                    && !process.led.contains(epoch)
                {
                    self.truth.seen.count("a grant is given back, for the lease is over");
                }
                if let Some(&link) = process.links.get(&conn) {
                    process.watchdog.sent(process.driven, conn, &message);
                    self.send_to_server(link, message);
                }
            }
            Output::Close { conn } => {
                process.watchdog.attempt.take_if(|attempt| *attempt == conn);
                if let Some(link) = process.links.remove(&conn) {
                    self.close_by_client(link);
                }
            }
            Output::CheckOpen { conn } => {
                let link = process.links.get(&conn).and_then(|link| self.net.links.get(link));
                if link.is_some_and(|link| link.client_open) {
                    process.watchdog.looked(moment, conn);
                    process.session.handle_open(moment, conn, moment);
                }
            }
            Output::Deadlines(deadlines) => {
                let until = |deadlines: Deadlines| deadlines.lease.min(deadlines.link);
                let was_over = until(process.deadlines) <= moment;
                let leads = process.users.keys().any(|&id| process.contenders.told(id).is_some());
                process.deadlines = deadlines;
                if was_over && leads && until(deadlines) > moment {
                    self.truth.seen.count("has-leadership ends and comes back without a revoke");
                }
                self.check_leader(i);
            }
            Output::Granted { election, standing, id } => {
                self.spring(When::Granting, i);
                let process = &mut self.processes[i];
                process.led.insert(id.epoch);
                let affected = process.contenders.handle_granted(&election, standing, id);
                if affected.is_empty() {
                    self.count("a grant meets a leave between the task and its contenders");
                }
                self.tell(i, &affected);
                self.check_leader(i);
            }
            Output::Revoked { election, epoch, reason } => {
                self.spring(When::Revoking, i);
                self.check_revocation(i, &election, epoch, &reason);
                self.count_revocation(&reason);
                let process = &mut self.processes[i];
                let affected = process.contenders.handle_revoked(&election, epoch, &reason);
                self.tell(i, &affected);
                self.check_leader(i);
            }
            Output::Failed { election, error } => {
                let affected = process.contenders.handle_failed(election.as_ref(), &error);
                self.tell(i, &affected);
            }
            Output::Value { component, leader } => {
                self.check_value(i, leader.is_some(), cause);
                self.value(i, &component, leader);
            }
            Output::Answer { request, result } => {
                process.answers.push((request, result.clone()));
                let era = process.answered_in;
                self.truth.history.returned(i, request, era, &result);
                self.count_answer(&result);
                self.check_answer(i, request, &result);
            }
            Output::Log(..) => {}
        }
    }
}
