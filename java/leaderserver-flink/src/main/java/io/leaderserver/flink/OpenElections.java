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

package io.leaderserver.flink;

/** Told how many elections are open: handed out, started or not, and not closed. */
interface OpenElections {

    /** One that has nothing to do. */
    OpenElections IGNORED =
            new OpenElections() {
                @Override
                public void opened() {}

                @Override
                public void closed() {}
            };

    /** Another election is about to be handed out; an exception prevents it. */
    void opened();

    /** One that was handed out has closed. Called once for each. */
    void closed();
}
