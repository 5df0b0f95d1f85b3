/*
 * Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
 * in compliance with the License. You may obtain a copy of the License at
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software distributed under the License
 * is distributed on an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express
 * or implied. See the License for the specific language governing permissions and limitations under
 * the License.
 */


package io.leaderserver;

import java.util.UUID;

/**
 * Runs the callbacks of one contender (P3).
 *
 * <p>That grant and revoke alternate, and that one thread at a time is inside a callback, is the
 * native library's doing: between a take and its done it answers no other. Here is only what it
 * can't know: which thread that is, and whether the callback has begun.
 */
final class ContenderTarget extends Target {

    private final String component;

    private final LeaderClient.Contender contender;

    /** The thread inside a callback. Each thread compares it with itself only. */
    private volatile Thread runner;

    /** A grant came too late to be told, so its revoke is not told either. */
    private volatile boolean grantSkipped;

    /** For the draining thread, as are the two below, in which it gets its answers. */
    private boolean brokenTold;

    private final long[] id = new long[2];

    private final String[] message = new String[1];

    ContenderTarget(Targets targets, String component, LeaderClient.Contender contender) {
        super(targets);
        this.component = component;
        this.contender = contender;
    }

    @Override
    void drain() {
        while (broken() == null && !targets().isClosed()) {
            final int what = Natives.contenderTake(handle(), id, message);
            if (what == Natives.NOTHING) {
                return;
            }
            runner = Thread.currentThread();
            try {
                Threads.clean();
                call(what, message[0]);
            } finally {
                runner = null;
                Natives.contenderDone(handle());
            }
        }
        if (broken() != null && !brokenTold && !isOver()) {
            brokenTold = true;
            tryFail(broken());
        }
    }

    /** Never waits. A revoke that is due runs here, unless another callback runs elsewhere. */
    void close() {
        setClosed();
        final boolean inside = runner == Thread.currentThread();
        final String[] reason = new String[1];
        if (Natives.contenderClose(handle(), inside, reason) != Natives.REVOKE) {
            return;
        }
        if (!inside) {
            runner = Thread.currentThread();
        }
        try {
            call(Natives.REVOKE, reason[0]);
        } finally {
            if (!inside) {
                runner = null;
            }
            Natives.contenderDone(handle());
        }
    }

    private void call(int what, String text) {
        if (targets().isClosed()) {
            return;
        }
        switch (what) {
            case Natives.GRANT:
                grant();
                break;
            case Natives.REVOKE:
                revoke(text);
                break;
            default:
                fail(text);
        }
    }

    private void grant() {
        final UUID sessionId = new UUID(id[0], id[1]);
        // Taken before the close, but begun after it: nothing starts then.
        grantSkipped = isClosed();
        if (grantSkipped) {
            return;
        }
        try {
            contender.granted(sessionId);
        } catch (Throwable t) {
            threw("granted", t);
        }
    }

    private void revoke(String reason) {
        if (grantSkipped) {
            grantSkipped = false;
            return;
        }
        try {
            contender.revoked(reason);
        } catch (Throwable t) {
            threw("revoked", t);
        }
    }

    private void fail(String text) {
        final LeaderServerException error =
                new LeaderServerException((int) id[0], text);
        if (!isOver()) {
            tryFail(error);
        }
    }

    private void threw(String callback, Throwable error) {
        callbackThrew(callback, error);
        // Once it is closed there is nobody left to whom this would mean anything.
        if (!isOver()) {
            tryFail(error);
        }
    }

    private void tryFail(Throwable error) {
        try {
            contender.failed(error);
        } catch (Throwable t) {
            callbackThrew("failed", t);
        }
    }

    @Override
    String describe() {
        return "the contender of component " + component;
    }
}
