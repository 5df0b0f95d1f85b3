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

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.InputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.FieldVisitor;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * The byte code of the shim against the release of Flink on the class path: the JVM would find what
 * is missing only when it comes to use it.
 *
 * <p>Seen to fail: with {@code SecurityOptions.SSL_INTERNAL_KEYSTORE_TYPE}, which 1.18 has not, and
 * with the jar for 2.x on 1.20.
 */
class LinkageTest {

    private static final String FLINK = "org/apache/flink/";

    private static final int JAVA_8 = 52;
    private static final int JAVA_11 = 55;

    /** What 2.3 brought. Classes that mention it are loaded only where it is. */
    private static final String APPLICATIONS =
            "org.apache.flink.runtime.jobmanager.ApplicationStore";

    /** For 2.3 only. */
    private static final List<String> WITH_APPLICATIONS =
            List.of(
                    "ApplicationHaServices",
                    "FencedApplicationStore",
                    "FencedApplicationResultStore");

    /** For releases before 2.3 only, but for its subclass. */
    private static final String WITHOUT_APPLICATIONS = "ExecutionPlanHaServices";

    private static final Map<String, byte[]> CLASSES = new TreeMap<>();

    private final TreeSet<String> missing = new TreeSet<>();

    @BeforeAll
    static void readShim() throws Exception {
        final Path place =
                Paths.get(
                        LeaderServerHaServicesFactory.class
                                .getProtectionDomain()
                                .getCodeSource()
                                .getLocation()
                                .toURI());
        if (Files.isDirectory(place)) {
            read(place);
            return;
        }
        final URI jar = URI.create("jar:" + place.toUri());
        try (FileSystem files = FileSystems.newFileSystem(jar, Collections.emptyMap())) {
            read(files.getPath("/"));
        }
    }

    private static void read(Path root) throws Exception {
        final List<Path> files;
        try (Stream<Path> found = Files.walk(root.resolve("io/leaderserver"))) {
            files = found.filter(f -> f.toString().endsWith(".class")).collect(Collectors.toList());
        }
        for (Path file : files) {
            try (InputStream in = Files.newInputStream(file)) {
                final byte[] bytes = in.readAllBytes();
                final String name = new ClassReader(bytes).getClassName();
                if (hasApplications() || !isForApplications(name)) {
                    CLASSES.put(name, bytes);
                }
            }
        }
        assertFalse(CLASSES.isEmpty());
    }

    private static boolean hasApplications() {
        try {
            Class.forName(APPLICATIONS, false, LinkageTest.class.getClassLoader());
            return true;
        } catch (ClassNotFoundException e) {
            return false;
        }
    }

    private static boolean isForApplications(String name) {
        final String outer = name.substring(name.lastIndexOf('/') + 1).replaceAll("\\$.*", "");
        return WITH_APPLICATIONS.contains(outer);
    }

    /** Those that an older release never loads are nowhere mentioned but by each other. */
    @Test
    void whatIsForANewerReleaseIsFoundByItsNameOnly() {
        for (Map.Entry<String, byte[]> entry : CLASSES.entrySet()) {
            if (isForApplications(entry.getKey())) {
                continue;
            }
            final String constants = new String(entry.getValue(), StandardCharsets.ISO_8859_1);
            for (String name : WITH_APPLICATIONS) {
                assertFalse(
                        constants.contains("io/leaderserver/flink/" + name),
                        entry.getKey() + " mentions " + name);
            }
        }
    }

    @Test
    void theByteCodeIsOldEnough() {
        final boolean flink1 = System.getProperty("test.flink.version").startsWith("1.");
        for (Map.Entry<String, byte[]> entry : CLASSES.entrySet()) {
            final int version = new ClassReader(entry.getValue()).readShort(6);
            assertTrue(version <= (flink1 ? JAVA_8 : JAVA_11), entry.getKey() + ": " + version);
        }
    }

    @Test
    void everyMethodAndFieldOfFlinkIsThere() {
        for (byte[] bytes : CLASSES.values()) {
            new ClassReader(bytes).accept(new UsesOfFlink(), 0);
        }
        assertEquals(Collections.emptySet(), missing);
    }

    @Test
    void nothingThatFlinkAsksForIsMissing() throws Exception {
        for (String name : CLASSES.keySet()) {
            if (!name.startsWith("io/leaderserver/flink/")) {
                continue;
            }
            // Initialised, and so verified.
            final Class<?> type = Class.forName(name.replace('/', '.'));
            final boolean replaced =
                    hasApplications() && type.getSimpleName().equals(WITHOUT_APPLICATIONS);
            if (Modifier.isAbstract(type.getModifiers()) || replaced) {
                continue;
            }
            for (Method method : type.getMethods()) {
                if (Modifier.isAbstract(method.getModifiers())) {
                    missing.add(type.getName() + " does not implement " + method);
                }
            }
        }
        assertEquals(Collections.emptySet(), missing);
    }

    private static Class<?> load(String name) throws ClassNotFoundException {
        return Class.forName(name.replace('/', '.'), false, LinkageTest.class.getClassLoader());
    }

    private static List<Class<?>> withSupertypes(Class<?> type) {
        final List<Class<?>> types = new ArrayList<>();
        collect(type, types);
        types.add(Object.class);
        return types;
    }

    private static void collect(Class<?> type, List<Class<?>> types) {
        if (type != null && !types.contains(type)) {
            types.add(type);
            collect(type.getSuperclass(), types);
            for (Class<?> above : type.getInterfaces()) {
                collect(above, types);
            }
        }
    }

    /** Looks up every use of a class, method or field of Flink. */
    private final class UsesOfFlink extends ClassVisitor {

        UsesOfFlink() {
            super(Opcodes.ASM9);
        }

        @Override
        public void visit(
                int version, int access, String name, String sign, String above, String[] faces) {
            checkType(above);
            for (String face : faces) {
                checkType(face);
            }
        }

        @Override
        public FieldVisitor visitField(
                int access, String name, String descriptor, String signature, Object value) {
            checkDescriptor(Type.getType(descriptor));
            return null;
        }

        @Override
        public MethodVisitor visitMethod(
                int access, String name, String descriptor, String signature, String[] thrown) {
            checkSignature(descriptor);
            return new MethodVisitor(Opcodes.ASM9) {
                @Override
                public void visitMethodInsn(
                        int opcode, String owner, String name, String descriptor, boolean face) {
                    checkSignature(descriptor);
                    checkMethod(opcode, owner, name, descriptor, face);
                }

                @Override
                public void visitFieldInsn(
                        int opcode, String owner, String name, String descriptor) {
                    checkField(opcode, owner, name, descriptor);
                }

                @Override
                public void visitTypeInsn(int opcode, String type) {
                    checkDescriptor(Type.getObjectType(type));
                }
            };
        }

        private void checkType(String name) {
            if (name != null && name.startsWith(FLINK)) {
                try {
                    load(name);
                } catch (ClassNotFoundException e) {
                    missing.add(name);
                }
            }
        }

        private void checkDescriptor(Type type) {
            if (type.getSort() == Type.ARRAY) {
                checkDescriptor(type.getElementType());
            } else if (type.getSort() == Type.OBJECT) {
                checkType(type.getInternalName());
            }
        }

        private void checkSignature(String descriptor) {
            checkDescriptor(Type.getReturnType(descriptor));
            for (Type argument : Type.getArgumentTypes(descriptor)) {
                checkDescriptor(argument);
            }
        }

        private void checkField(int opcode, String owner, String name, String descriptor) {
            if (!owner.startsWith(FLINK)) {
                return;
            }
            final boolean isStatic = opcode == Opcodes.GETSTATIC || opcode == Opcodes.PUTSTATIC;
            try {
                for (Class<?> type : withSupertypes(load(owner))) {
                    for (java.lang.reflect.Field field : type.getDeclaredFields()) {
                        if (field.getName().equals(name)
                                && Type.getDescriptor(field.getType()).equals(descriptor)
                                && Modifier.isStatic(field.getModifiers()) == isStatic) {
                            return;
                        }
                    }
                }
            } catch (ClassNotFoundException e) {
                missing.add(owner);
            }
            missing.add(owner + "." + name + " " + descriptor);
        }

        private void checkMethod(
                int opcode, String owner, String name, String descriptor, boolean face) {
            if (!owner.startsWith(FLINK)) {
                return;
            }
            try {
                final Class<?> type = load(owner);
                final boolean isStatic = opcode == Opcodes.INVOKESTATIC;
                if (type.isInterface() == face && has(type, name, descriptor, isStatic)) {
                    return;
                }
            } catch (ClassNotFoundException e) {
                missing.add(owner);
            }
            missing.add(owner + "." + name + descriptor);
        }

        private boolean has(Class<?> owner, String name, String descriptor, boolean isStatic) {
            if (name.equals("<init>")) {
                for (Constructor<?> constructor : owner.getDeclaredConstructors()) {
                    if (Type.getConstructorDescriptor(constructor).equals(descriptor)) {
                        return true;
                    }
                }
                return false;
            }
            for (Class<?> type : withSupertypes(owner)) {
                for (Method method : type.getDeclaredMethods()) {
                    if (method.getName().equals(name)
                            && Type.getMethodDescriptor(method).equals(descriptor)
                            && Modifier.isStatic(method.getModifiers()) == isStatic) {
                        return true;
                    }
                }
            }
            return false;
        }
    }
}
