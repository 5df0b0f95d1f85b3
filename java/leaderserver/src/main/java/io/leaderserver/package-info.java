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


/**
 * A name service for leadership, for plain Java.
 *
 * <p>Processes contend for leadership of an election; the winner publishes, per component, the
 * address under which it can be reached; anybody may watch a component and is told of every change.
 * {@link io.leaderserver.LeaderClient} contends and watches, {@link io.leaderserver.LeaderServer}
 * is the name service, in this process. Both are thin: a native library, which the jar carries and
 * {@link io.leaderserver.NativeLibrary} loads, does the work.
 */
package io.leaderserver;
