//! What befalls the server and its disk.

use std::time::Duration;

use leaderserver::core::ids::{Epoch, Incarnation};
use leaderserver::core::records;
use rand_chacha::rand_core::RngCore;

use super::Walker;
use crate::clock::{MS, SEC, nanos};
use crate::disk::{Disk, Trap};

impl Walker {
    pub(super) fn stop_server(&mut self) {
        let Some(server) = &self.world.server else { return };
        let orderly = !server.paused && !server.stopping && !self.in_job_manager;
        match self.pick(2) {
            0 if orderly => self.world.stop_server(),
            1 => {
                self.world.kill_server(true);
                self.world.net.host_down = self.pick(1) == 0;
            }
            _ => self.world.kill_server(false),
        }
        if self.world.disk.is_some() && self.pick(1) == 0 {
            // It is soon back, so that its leaders go on.
            let most = nanos(self.world.setup.timing.disconnect_grace);
            let pause = self.pick(most);
            self.world.run_for(Duration::from_nanos(pause));
            if self.world.server.is_none() {
                self.restart_server();
            }
        }
    }

    pub(super) fn restart_server(&mut self) {
        self.world.net.host_down = false;
        if self.world.disk.is_some() {
            self.change_disks();
            // Else it would refuse to start.
            self.world.disk_goes_on();
            if self.world.disk().full && self.pick(3) > 0 {
                self.world.fill_disk(false);
            }
        }
        // With one that is settled, or that never had another before it, it says nothing new.
        let cold =
            self.world.disk.as_ref().is_some_and(|disk| disk.head().is_some_and(|h| h.settled))
                && self.pick(3) == 0;
        let wall = self.wall_clock();
        self.world.start_server_with(cold, wall);
        if self.in_job_manager && self.world.server.is_some() {
            self.start_job_manager();
        }
    }

    pub(super) fn pause_server(&mut self) {
        let most = self.session_timeout() * 3 / 2;
        let pause = Duration::from_nanos(self.pick(most));
        if self.world.server.as_ref().is_none_or(|server| server.paused) {
            return;
        }
        if self.pick(3) == 0 {
            self.world.suspend_server(pause);
        } else {
            self.world.pause_server(pause);
        }
    }

    /// What the wall clock says, from which epochs begin where nothing is remembered (R13). It may
    /// have been set, back or on.
    fn wall_clock(&mut self) -> Epoch {
        let right = self.world.wall_clock();
        if self.pick(3) > 0 {
            return Epoch(right);
        }
        self.world.count("fault: the server's wall clock is set");
        let hour = 3_600_000;
        Epoch(right - hour + self.pick(2 * hour))
    }

    /// In durable worlds only.
    pub(super) fn trouble_with_disk(&mut self) {
        match self.pick(9) {
            0..2 => {
                let most = if self.pick(1) == 0 { 6 * SEC } else { self.session_timeout() };
                let pause = Duration::from_nanos(self.pick(most));
                self.world.stall_disk_for(pause);
            }
            2 => {
                let full = self.world.disk().full;
                self.world.fill_disk(!full);
            }
            3 => self.world.fill_disk(false),
            4 => {
                let slow = self.pick(self.session_timeout() / 2);
                let latency = self.one_of(&[(MS / 50, MS / 2), (MS, 20 * MS), (MS, slow + MS)]);
                self.world.count("fault: the disk is slow");
                self.world.disk().latency = latency.expect("there are some");
            }
            5 => self.backup = Some(self.world.disk().records()),
            6 => self.stop_server(),
            _ => {
                let trap = self.one_of(&[Trap::Before, Trap::Between, Trap::After]);
                self.world.disk().trap = trap;
            }
        }
    }

    /// While no server runs, the data directory may be lost, or a backup be restored.
    fn change_disks(&mut self) {
        if self.world.disk().head().is_none() || self.world.disk().full {
            return;
        }
        match self.pick(15) {
            0 => {
                let latency = self.world.disk().latency;
                self.world.count("fault: the data directory is lost");
                self.world.say("directory lost", [0; 2], String::new);
                self.world.disk = Some(Disk::new(latency));
            }
            1 => {
                let Some(backup) = self.backup.take().filter(|backup| !backup.is_empty()) else {
                    return;
                };
                let incarnation = u128::from(self.rng.next_u64()) << 64 | 1;
                // The wall clock may be anything: fences are kept, and nobody goes below them.
                let first_epoch = Epoch(self.pick(1 << 50));
                let restored = records::begin_anew(backup, Incarnation(incarnation), first_epoch);
                self.world.count("fault: a backup is restored");
                self.world.say("backup restored", [0; 2], String::new);
                self.world.disk().replace(restored.expect("a backup of what was recorded"));
            }
            _ => {}
        }
    }
}
